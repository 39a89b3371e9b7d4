//! Routes from the configuration: deployments with their backends, keys from the environment.

use std::sync::Arc;

use espalier::{
    backend::Backend,
    config::{Config, Deployment, ProviderKind},
    gateway::Route,
};

use super::Problem;

/// What of the deployments can be told without keys: whether each has an address and the name of a key's variable, and
/// stands for a model that is there.
pub(super) fn check(config: &Config) -> Result<(), Problem> {
    for deployment in &config.deployments {
        let wrong = |what: &str| Err(Problem::new(format!("the deployment {:?}: {what}", deployment.id())));
        if deployment.provider == ProviderKind::Local {
            if !config.models.iter().any(|model| model.id() == deployment.model) {
                return wrong(&format!("there is no local model {:?}", deployment.model));
            }
            continue;
        }
        provider::check(deployment).or_else(|what| wrong(&what))?;
    }
    Ok(())
}

/// The routes of all deployments, in the order of their names in the file.
pub(super) fn routes(config: &Config, local: &[Arc<dyn Backend>]) -> Result<Vec<Route>, Problem> {
    check(config)?;
    let mut names: Vec<&str> = Vec::new();
    for deployment in &config.deployments {
        if !names.contains(&deployment.name.as_str()) {
            names.push(&deployment.name);
        }
    }
    let mut routes = Vec::new();
    for name in names {
        let mut members = Vec::new();
        for deployment in config.deployments.iter().filter(|deployment| deployment.name == name) {
            let backend = match deployment.provider {
                ProviderKind::Local => {
                    let is_it =
                        |backend: &&Arc<dyn Backend>| backend.models().iter().any(|model| model.id == deployment.model);
                    let missing = || Problem::new(format!("the local model {:?} was not loaded", deployment.model));
                    local.iter().find(is_it).cloned().ok_or_else(missing)?
                }
                _ => provider::backend(deployment)?,
            };
            members.push((deployment.routed(), backend));
        }
        routes.push(Route::new(name, config.routing.policy(), members));
    }
    Ok(routes)
}

#[cfg(feature = "providers")]
mod provider {
    //! Deployments at providers.

    use std::sync::Arc;

    use espalier::{
        backend::{
            Backend,
            provider::{Aws, Provider, Secret, Settings, Structured, Tokens, home},
        },
        config,
    };

    use super::{Deployment, Problem};

    pub(super) fn check(deployment: &Deployment) -> Result<(), String> {
        let kind = deployment.provider.as_str();
        let home = home(kind).ok_or_else(|| format!("this version has no provider {kind}"))?;
        let signs = deployment.provider == config::ProviderKind::Bedrock;
        if deployment.base_url.is_none() && home.base_url.is_none() && !signs {
            return Err(format!("providers of the kind {kind} need a base_url"));
        }
        if deployment.api_version.is_some() && deployment.provider != config::ProviderKind::AzureOpenai {
            return Err(format!("api_version is for azure_openai; addresses of the kind {kind} have none"));
        }
        if deployment.api_key_env.is_none() && home.needs_key {
            return Err(format!("providers of the kind {kind} need a key: name its variable in api_key_env"));
        }
        Ok(())
    }

    pub(super) fn backend(deployment: &Deployment) -> Result<Arc<dyn Backend>, Problem> {
        let home = home(deployment.provider.as_str());
        let key = match &deployment.api_key_env {
            None => None,
            Some(name) => match std::env::var(name) {
                Ok(key) if !key.trim().is_empty() => Some(Secret::new(key.trim())),
                _ => {
                    let id = deployment.id();
                    let message = format!("the environment variable {name} shall hold the key of {id}, and is empty");
                    return Err(Problem::new(message));
                }
            },
        };
        let mut base_url = deployment.base_url.clone().or_else(|| home?.base_url.map(str::to_owned));
        let mut aws = None;
        if deployment.provider == config::ProviderKind::Bedrock {
            let region = region(deployment)?;
            base_url.get_or_insert_with(|| format!("https://bedrock-runtime.{region}.amazonaws.com"));
            aws = if key.is_none() { Some(account(deployment, region)?) } else { None };
        }
        let is_vertex = ["vertex_anthropic", "vertex_gemini"].contains(&deployment.provider.as_str());
        let tokens = if is_vertex && key.is_none() { Some(Arc::new(google_tokens(deployment)?)) } else { None };
        let settings = Settings {
            id: deployment.id(),
            model: deployment.model.clone(),
            base_url: base_url.unwrap_or_default(),
            key,
            tokens,
            api_version: deployment.api_version.clone(),
            headers: deployment.headers.clone().into_iter().collect(),
            structured: match deployment.structured {
                config::Structured::Auto => Structured::Auto,
                config::Structured::Native => Structured::Native,
                config::Structured::ForcedTool => Structured::ForcedTool,
                config::Structured::Prompted => Structured::Prompted,
            },
            connect: deployment.routed().timeouts.connect,
            answer_bytes: deployment.answer_bytes.get() as usize,
            prefill: deployment.prefill,
            aws,
        };
        Ok(Arc::new(Provider::new(deployment.provider.as_str(), settings).map_err(Problem::new)?))
    }

    /// Google's own variables say where: a file with a service account's key, else the machine's metadata server.
    fn google_tokens(deployment: &Deployment) -> Result<Tokens, Problem> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(path) = set("GOOGLE_APPLICATION_CREDENTIALS") else {
            let host = set("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned());
            return Tokens::of_machine(&host).map_err(Problem::new);
        };
        let wrong = |what: String| {
            Problem::new(format!("{}: the file in GOOGLE_APPLICATION_CREDENTIALS: {what}", deployment.id()))
        };
        let file = std::fs::read_to_string(&path).map_err(|error| wrong(format!("{path}: {error}")))?;
        Tokens::of_service_account(&file).map_err(wrong)
    }

    fn region(deployment: &Deployment) -> Result<String, Problem> {
        let set = deployment.region.clone().or_else(|| std::env::var("AWS_REGION").ok());
        set.filter(|region| !region.is_empty()).ok_or_else(|| {
            Problem::new(format!("{}: a region is needed, here or in the variable AWS_REGION", deployment.id()))
        })
    }

    fn account(deployment: &Deployment, region: String) -> Result<Aws, Problem> {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::new);
        let needed = |name: &str| {
            let message = || Problem::new(format!("{}: the environment variable {name} is empty", deployment.id()));
            read(name).ok_or_else(message)
        };
        Ok(Aws {
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
            session_token: read("AWS_SESSION_TOKEN"),
            region,
        })
    }
}

#[cfg(not(feature = "providers"))]
mod provider {
    //! A build without providers says so.

    use std::sync::Arc;

    use espalier::backend::Backend;

    use super::{Deployment, Problem};

    pub(super) fn check(_deployment: &Deployment) -> Result<(), String> {
        Err("this build has no providers (feature `providers`)".to_owned())
    }

    pub(super) fn backend(deployment: &Deployment) -> Result<Arc<dyn Backend>, Problem> {
        Err(Problem::new(format!("{}: this build has no providers (feature `providers`)", deployment.id())))
    }
}
