//! Open-loop load on an HTTP server: requests leave at times that were fixed beforehand, however slow the answers are.
//!
//! `gateway URL BODY_FILE RATE SECONDS CONNECTIONS [HEADER...]`; prints one JSON object with the percentiles in
//! microseconds. A request's time counts from when it should have left, so a server that stalls is charged for all whom
//! it kept waiting. Each connection has a thread of its own that sleeps until its next turn; what that costs shows in a
//! run against the upstream alone, and is taken off by whoever compares the two. `benches/gateway.py` starts it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// What is sent, and when.
struct Plan {
    address: String,
    request: Vec<u8>,
    rate: f64,
    seconds: f64,
    connections: usize,
}

/// What came of it.
#[derive(Default)]
struct Tally {
    /// Microseconds from the planned departure to the last byte.
    whole: Vec<u64>,
    /// The same, to the first byte of the answer's body.
    first: Vec<u64>,
    failed: u64,
}

fn main() -> Result<(), Problem> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(plan) = Plan::read(&arguments)? else {
        println!("gateway URL BODY_FILE RATE SECONDS CONNECTIONS [HEADER...]: see benches/gateway.py");
        return Ok(());
    };
    let begin = Instant::now() + Duration::from_millis(200);
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let plan = &plan;
        let threads: Vec<_> =
            (0..plan.connections).map(|index| scope.spawn(move || plan.drive(index, begin))).collect();
        for thread in threads {
            match thread.join() {
                Ok(tally) => {
                    all.whole.extend(tally.whole);
                    all.first.extend(tally.first);
                    all.failed += tally.failed;
                }
                Err(_) => all.failed += 1,
            }
        }
    });
    println!("{}", all.report(begin.elapsed().as_secs_f64()));
    Ok(())
}

impl Plan {
    fn read(arguments: &[String]) -> Result<Option<Self>, Problem> {
        let [url, body, rate, seconds, connections, headers @ ..] = arguments else { return Ok(None) };
        let rest = url.strip_prefix("http://").ok_or("the URL must begin with http://")?;
        let (address, path) = rest.split_once('/').ok_or("the URL has no path")?;
        let body = std::fs::read(body)?;
        let mut request = format!("POST /{path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
        for header in headers {
            request += &format!("{header}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n", body.len());
        let mut request = request.into_bytes();
        request.extend(body);
        Ok(Some(Self {
            address: address.to_owned(),
            request,
            rate: rate.parse()?,
            seconds: seconds.parse()?,
            connections: connections.parse()?,
        }))
    }

    /// One connection's share of the requests.
    fn drive(&self, index: usize, begin: Instant) -> Tally {
        let mut tally = Tally::default();
        let mut connection = None;
        let requests = (self.rate * self.seconds) as usize;
        for number in (index..requests).step_by(self.connections) {
            let due = begin + Duration::from_secs_f64(number as f64 / self.rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            match self.exchange(&mut connection) {
                Ok(first) => {
                    tally.first.push(first.duration_since(due).as_micros() as u64);
                    tally.whole.push(due.elapsed().as_micros() as u64);
                }
                Err(_) => {
                    tally.failed += 1;
                    connection = None;
                }
            }
        }
        tally
    }

    /// Sends the request and reads the answer to its end; gives when its first byte came.
    fn exchange(&self, connection: &mut Option<BufReader<TcpStream>>) -> Result<Instant, Problem> {
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                BufReader::with_capacity(64 << 10, stream)
            }
        };
        stream.get_mut().write_all(&self.request)?;
        let (status, length) = head(&mut stream)?;
        if status != 200 {
            return Err("not 200".into());
        }
        let first = Instant::now();
        let mut end = [0; 2];
        match length {
            Some(length) => skip(&mut stream, length)?,
            None => loop {
                let size = usize::from_str_radix(line(&mut stream)?.trim(), 16)?;
                skip(&mut stream, size)?;
                stream.read_exact(&mut end)?;
                if size == 0 {
                    break;
                }
            },
        }
        *connection = Some(stream);
        Ok(first)
    }
}

/// The status, and the body's length if it is told beforehand.
fn head(stream: &mut BufReader<TcpStream>) -> Result<(u16, Option<usize>), Problem> {
    let status = line(stream)?.split(' ').nth(1).ok_or("no status")?.parse()?;
    let mut length = None;
    loop {
        let header = line(stream)?;
        if header.trim().is_empty() {
            return Ok((status, length));
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse()?);
        }
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> Result<String, Problem> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err("the connection was closed".into()),
        _ => Ok(line),
    }
}

fn skip(stream: &mut BufReader<TcpStream>, bytes: usize) -> Result<(), Problem> {
    let mut left = bytes;
    while left > 0 {
        let there = stream.fill_buf()?.len().min(left);
        if there == 0 {
            return Err("the body is cut".into());
        }
        stream.consume(there);
        left -= there;
    }
    Ok(())
}

impl Tally {
    fn report(mut self, seconds: f64) -> String {
        self.whole.sort_unstable();
        self.first.sort_unstable();
        let at = |times: &[u64], share: f64| match times.len() {
            0 => 0,
            count => times[((count as f64 * share) as usize).min(count - 1)],
        };
        format!(
            r#"{{"answers":{},"failed":{},"seconds":{seconds:.2},"p50":{},"p99":{},"first_p50":{},"first_p99":{}}}"#,
            self.whole.len(),
            self.failed,
            at(&self.whole, 0.5),
            at(&self.whole, 0.99),
            at(&self.first, 0.5),
            at(&self.first, 0.99),
        )
    }
}
