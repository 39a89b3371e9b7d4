//! One request over HTTP: sent, watched, read, given up.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use tokio::{sync::mpsc::UnboundedSender, time::timeout_at};

use super::{Call, Reader, Settings, Vendor, frames::Frames, seam::Seam};
use crate::{
    backend::Job,
    inference::{Delivery, Event, Failure, FailureKind, Times},
};

/// Most bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 << 10;

pub(super) struct Run {
    pub client: Client,
    pub settings: Arc<Settings>,
    pub vendor: Arc<dyn Vendor>,
    pub job: Job,
    pub sender: UnboundedSender<Event>,
}

/// The clocks of one request.
struct Clock {
    begun: Instant,
    first: Option<Instant>,
    /// When patience ends.
    until: tokio::time::Instant,
    total: tokio::time::Instant,
    between: Duration,
}

impl Clock {
    /// Something came: from now on silence counts.
    fn heard(&mut self) {
        self.first.get_or_insert_with(Instant::now);
        self.until = (tokio::time::Instant::now() + self.between).min(self.total);
    }

    fn times(&self) -> Times {
        let first = self.first.unwrap_or_else(Instant::now);
        Times {
            prefill_us: first.duration_since(self.begun).as_micros() as u64,
            decode_us: first.elapsed().as_micros() as u64,
            ..Times::default()
        }
    }

    fn late(&self) -> Failure {
        let what = match self.first {
            None => "said nothing in time",
            Some(_) if tokio::time::Instant::now() >= self.total => "did not finish in time",
            Some(_) => "fell silent within its answer",
        };
        Failure::new(FailureKind::Timeout, format!("the provider {what}"))
    }
}

impl Run {
    pub async fn run(self) {
        let sender = self.sender.clone();
        tokio::select! {
            () = sender.closed() => {} // nobody waits: dropping the request ends it
            result = self.answer() => if let Err(failure) = result {
                if failure.kind == FailureKind::SchemaRefused {
                    self.vendor.refused(&self.job);
                }
                let _ = self.sender.send(Event::Failed(failure)); // whoever is gone does not want to know
            }
        }
    }

    async fn answer(&self) -> Result<(), Failure> {
        let stream = self.job.request.delivery != Delivery::Whole;
        let settings = self.settings().await?;
        let Call { url, headers, body } = self.vendor.call(&settings, &self.job, stream)?;
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        let timeouts = self.job.timeouts;
        let now = tokio::time::Instant::now();
        let mut clock = Clock {
            begun: Instant::now(),
            first: None,
            until: now + timeouts.first_token.min(timeouts.total),
            total: now + timeouts.total,
            between: timeouts.between_tokens,
        };
        let response = timeout_at(clock.until, request.send()).await.map_err(|_| clock.late())?;
        let response = response.map_err(|error| unreachable_host(&error))?;
        let status = response.status();
        if !status.is_success() {
            let retry_after = retry_after(response.headers());
            let body = read(response, ERROR_BYTES, &clock).await.unwrap_or_default();
            if let (401, Some(tokens), Some(key)) = (status.as_u16(), &settings.tokens, &settings.key) {
                tokens.forget(key).await;
            }
            return Err(self.vendor.failure(status.as_u16(), &body, retry_after, self.constrained()));
        }
        let _ = self.sender.send(Event::Started { prompt_tokens: 0 });
        let content_type = content_type(response.headers());
        let streams = Frames::is_stream(self.vendor.framing(), &content_type);
        let mut reader = self.vendor.reader(&self.job);
        let mut seam = self.seam();
        if streams {
            return self.stream(response, &mut *reader, &mut clock, &mut seam).await;
        }
        let body = read(response, self.settings.answer_bytes, &clock).await?;
        clock.heard();
        if content_type != "application/json" && !looks_like_json(&body) {
            let mut failure = self.vendor.failure(200, &body, None, false);
            failure.kind = FailureKind::Upstream;
            failure.message = format!("the provider sent {content_type:?} in place of an answer; {}", failure.message);
            return Err(failure);
        }
        let mut out = Vec::new();
        reader.whole(&body, &mut out)?;
        self.send(&mut out, &clock, &mut seam);
        Ok(())
    }

    /// The settings, with a key that is valid now.
    async fn settings(&self) -> Result<Cow<'_, Settings>, Failure> {
        match &self.settings.tokens {
            None => Ok(Cow::Borrowed(&*self.settings)),
            Some(tokens) => {
                Ok(Cow::Owned(Settings { key: Some(tokens.token().await?), ..Settings::clone(&self.settings) }))
            }
        }
    }

    fn constrained(&self) -> bool {
        self.job.request.constraint.is_some() || self.job.request.tools.in_play()
    }

    /// Where the answer goes on with one that was begun.
    fn seam(&self) -> Seam {
        let echoes = self.vendor.prefill(&self.settings).is_some_and(super::Prefill::echoes);
        self.job.prefix.as_ref().map_or_else(Seam::none, |prefix| Seam::new(prefix, echoes))
    }

    async fn stream(
        &self,
        response: Response,
        reader: &mut dyn Reader,
        clock: &mut Clock,
        seam: &mut Seam,
    ) -> Result<(), Failure> {
        let mut response = response;
        let mut frames = Frames::new(self.vendor.framing(), self.settings.answer_bytes);
        let (mut out, mut bytes) = (Vec::new(), 0usize);
        loop {
            let piece = timeout_at(clock.until, response.chunk()).await.map_err(|_| clock.late())?;
            let Some(piece) = piece.map_err(|error| broken_off(&error))? else { break };
            bytes += piece.len();
            if bytes > self.settings.answer_bytes {
                return Err(too_large(self.settings.answer_bytes));
            }
            if frames.feed(&piece, reader, &mut out)? {
                clock.heard();
            }
            if reader.is_done() {
                break;
            }
            self.send(&mut out, clock, seam);
        }
        if !reader.is_done() {
            frames.end(reader, &mut out)?;
        }
        reader.end(&mut out)?;
        self.send(&mut out, clock, seam);
        Ok(())
    }

    fn send(&self, out: &mut Vec<Event>, clock: &Clock, seam: &mut Seam) {
        for mut event in out.drain(..) {
            match &mut event {
                Event::Done { times, .. } => *times = clock.times(),
                Event::Text { text, .. } => *text = seam.take(text),
                Event::Finished { choice, .. } => {
                    let text = seam.end();
                    if !text.is_empty() {
                        let held = Event::Text { choice: *choice, text, logprobs: Vec::new() };
                        let _ = self.sender.send(held); // as below
                    }
                }
                _ => {}
            }
            let _ = self.sender.send(event); // whoever is gone ends this run by itself
        }
    }
}

/// The whole body, as far as it may go.
async fn read(mut response: Response, most: usize, clock: &Clock) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let piece = timeout_at(clock.until, response.chunk()).await.map_err(|_| clock.late())?;
        let Some(piece) = piece.map_err(|error| broken_off(&error))? else { return Ok(body) };
        if body.len() + piece.len() > most {
            return Err(too_large(most));
        }
        body.extend_from_slice(&piece);
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    body.trim_ascii_start().first().is_some_and(|byte| *byte == b'{')
}

fn too_large(most: usize) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the provider's answer has more than {most} bytes"))
}

fn unreachable_host(error: &reqwest::Error) -> Failure {
    match error.is_timeout() {
        true => Failure::new(FailureKind::Timeout, "the provider could not be reached in time"),
        false => Failure::new(FailureKind::Upstream, format!("the provider could not be reached: {}", causes(error))),
    }
}

fn broken_off(error: &reqwest::Error) -> Failure {
    Failure::new(FailureKind::Upstream, format!("the connection to the provider broke: {}", causes(error)))
}

/// What lies below an error. Its own text has the URL, which may hold a key, and is left out.
fn causes(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    let mut last = None;
    while let Some(inner) = cause {
        last = Some(inner.to_string());
        cause = inner.source();
    }
    last.unwrap_or_else(|| "for no reason that is known".to_owned())
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// `retry-after-ms`, or `retry-after` in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).filter(|ms| *ms >= 0.0) {
        return Duration::try_from_secs_f64(ms / 1e3).ok();
    }
    let value = text(RETRY_AFTER.as_str())?;
    match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
        }
    }
}
