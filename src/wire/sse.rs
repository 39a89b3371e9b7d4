//! Server-sent events, as far as the OpenAI protocol uses them: events without a name, and comments.

/// The last event of a stream that ended well.
pub const DONE: &str = "data: [DONE]\n\n";

/// A comment: keeps proxies from closing a silent connection; clients skip it.
pub const PING: &str = ": ping\n\n";

/// One event. `data` is compact JSON, so it has no line breaks.
pub fn event(data: &str) -> String {
    debug_assert!(!data.contains('\n'));
    format!("data: {data}\n\n")
}
