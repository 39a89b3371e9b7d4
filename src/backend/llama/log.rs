//! llama.cpp's own log: kept off the terminal, passed on to `tracing`, its last complaints kept for our messages.
//!
//! The callback is process-wide, as the library's is. It never panics: it runs on frames of C++.

use std::{
    ffi::{CStr, c_char, c_void},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use llama_cpp_sys_2 as sys;

/// How many complaints are kept.
const KEPT: usize = 6;

struct Log {
    complaints: Vec<String>,
    /// The line that is being written, with its level: llama.cpp continues lines in pieces.
    line: String,
    level: sys::ggml_log_level,
}

static LOG: Mutex<Log> =
    Mutex::new(Log { complaints: Vec::new(), line: String::new(), level: sys::GGML_LOG_LEVEL_NONE });

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes over the library's log for the life of the process.
pub(super) fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // SAFETY: the callback is a plain function that lives as long as the process and ignores its user data.
        unsafe {
            sys::llama_log_set(Some(on_text), std::ptr::null_mut());
            sys::ggml_log_set(Some(on_text), std::ptr::null_mut());
        }
    });
}

/// Forgets what was said before.
pub(super) fn forget() {
    log().complaints.clear();
}

/// The last errors and warnings since [`forget`], oldest first, in one line.
pub(super) fn complaints() -> String {
    log().complaints.join("; ")
}

unsafe extern "C" fn on_text(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp hands over a NUL-terminated string that lives for the length of this call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let mut log = log();
    if level != sys::GGML_LOG_LEVEL_CONT {
        log.level = level;
        log.line.clear();
    }
    log.line.push_str(&text);
    if log.line.ends_with('\n') {
        let line = std::mem::take(&mut log.line);
        log.take(line.trim());
    }
}

impl Log {
    fn take(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        if matches!(self.level, sys::GGML_LOG_LEVEL_WARN | sys::GGML_LOG_LEVEL_ERROR) {
            if self.complaints.len() == KEPT {
                self.complaints.remove(0);
            }
            self.complaints.push(line.to_owned());
        }
        match self.level {
            sys::GGML_LOG_LEVEL_ERROR => tracing::warn!(target: "llama.cpp", "{line}"),
            sys::GGML_LOG_LEVEL_WARN => tracing::debug!(target: "llama.cpp", "{line}"),
            _ => tracing::trace!(target: "llama.cpp", "{line}"),
        }
    }
}
