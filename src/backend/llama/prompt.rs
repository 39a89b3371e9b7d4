//! From a request's prompt to tokens.

use super::{
    template::{ChatTemplate, Piece},
    tokenizer::Tokenizer,
};
use crate::{
    inference::{Failure, FailureKind, Message, Prompt, Request, Tool},
    vocab::TokenId,
};

/// A prompt as the model reads it.
pub(super) struct Tokens {
    pub tokens: Vec<TokenId>,
    /// The prompt's text, if the answer repeats it.
    pub echo: Option<String>,
}

/// Tokens of the request's prompt, never empty.
///
/// A chat goes through the model's template; a text's control tokens mean themselves (whoever sends a raw prompt
/// writes their own template); both begin with the token that the model wants at the beginning.
///
/// # Errors
/// Prompts that are empty, beyond `context` tokens, of unknown tokens, or refused by the template.
pub(super) fn tokens(
    request: &Request,
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    context: usize,
) -> Result<Tokens, Failure> {
    let echoed = request.output.echo;
    let (tokens, echo) = match &request.prompt {
        Prompt::Chat(_) if echoed => return Err(bad("echo", "only a completion can repeat its prompt, not a chat")),
        Prompt::Chat(messages) => {
            let offered = if request.tools.in_play() { &*request.tools.list } else { &[] };
            (chat(messages, offered, tokenizer, template)?, None)
        }
        Prompt::Text(text) => (led(tokenizer, tokenizer.with_special(text)), Some(text.clone())),
        Prompt::Tokens(tokens) => {
            let size = tokenizer.vocabulary().len();
            if let Some(token) = tokens.iter().find(|token| **token as usize >= size) {
                return Err(bad("prompt", format!("the model has no token {token}: its vocabulary has {size}")));
            }
            (tokens.clone(), Some(String::from_utf8_lossy(&tokenizer.spell(tokens)).into_owned()))
        }
    };
    let tokens = match (tokens.is_empty(), tokenizer.bos()) {
        (false, _) => tokens,
        (true, Some(bos)) => vec![bos],
        (true, None) => return Err(bad("prompt", "the prompt is empty")),
    };
    // One token of an answer needs its place too.
    if tokens.len() >= context {
        let message =
            format!("the prompt has {} tokens, but the context holds {context} with the answer", tokens.len());
        let param = if matches!(request.prompt, Prompt::Chat(_)) { "messages" } else { "prompt" };
        return Err(Failure {
            param: Some(param.to_owned()),
            code: Some("context_length_exceeded".to_owned()),
            ..Failure::new(FailureKind::ContextLength, message)
        });
    }
    Ok(Tokens { tokens, echo: echo.filter(|_| echoed) })
}

fn chat(
    messages: &[Message],
    offered: &[Tool],
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
) -> Result<Vec<TokenId>, Failure> {
    if messages.is_empty() {
        return Err(bad("messages", "there are no messages"));
    }
    let pieces = template
        .render(messages, offered)
        .map_err(|why| bad("messages", format!("the model's chat template: {why}")))?;
    let tokens = pieces.iter().flat_map(|piece| match piece {
        Piece::Template(text) => tokenizer.with_special(text),
        Piece::Plain(text) => tokenizer.plain(text),
    });
    Ok(led(tokenizer, tokens.collect()))
}

fn led(tokenizer: &Tokenizer, mut tokens: Vec<TokenId>) -> Vec<TokenId> {
    if let Some(bos) = tokenizer.leading()
        && tokens.first() != Some(&bos)
    {
        tokens.insert(0, bos);
    }
    tokens
}

fn bad(param: &str, message: impl Into<String>) -> Failure {
    Failure { param: Some(param.to_owned()), ..Failure::new(FailureKind::BadRequest, message) }
}
