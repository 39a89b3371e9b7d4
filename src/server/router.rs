//! Which path does what.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Path, Request, State, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::FutureExt;

use super::{App, HttpError, answer::answer};
use crate::wire::openai::{Chat, Completions, Model, ModelList};

/// All routes, with the layers around them.
pub fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/v1/chat/completions", post(answer::<Chat>))
        .route("/v1/completions", post(answer::<Completions>))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route_layer(from_fn_with_state(app.clone(), authorize));
    Router::new()
        .merge(api)
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(async |request: Request| HttpError::not_found(request.uri().path()))
        .method_not_allowed_fallback(async |request: Request| {
            HttpError::wrong_method(request.method().as_str(), request.uri().path())
        })
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn authorize(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, HttpError> {
    app.keys.check(request.headers())?;
    Ok(next.run(request).await)
}

/// Counts every request and turns a panic into an answer.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => HttpError::panicked().into_response(),
    };
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    app.metrics.request(route, response.status().as_u16());
    response
}

pub(super) fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn models(State(app): State<Arc<App>>) -> Response {
    json(StatusCode::OK, ModelList::new(&app.gateway.models()).to_json())
}

async fn model(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, HttpError> {
    let Path(id) = id.map_err(|_| HttpError::not_found(request.uri().path()))?;
    Ok(json(StatusCode::OK, Model::new(&app.gateway.model(&id)?).to_json()))
}

async fn health() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.render(app.gateway.load());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
