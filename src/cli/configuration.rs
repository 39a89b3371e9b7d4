//! `espalier config`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use espalier::config::Config;

use super::{Problem, deployments};

/// Where the file is looked for.
pub(super) const DEFAULT_FILE: &str = "espalier.toml";

#[derive(Subcommand)]
pub(super) enum Configuration {
    /// Tell whether a file is right, and print it with all defaults filled in
    Check {
        /// By default ./espalier.toml
        file: Option<PathBuf>,
    },
}

impl Configuration {
    pub fn run(self) -> Result<ExitCode, Problem> {
        let Self::Check { file } = self;
        let path = file.unwrap_or_else(|| DEFAULT_FILE.into());
        let config = Config::load(&path).map_err(Problem::new)?;
        deployments::check(&config)?;
        let keys = config.deployments.iter().filter_map(|deployment| deployment.api_key_env.as_ref());
        for name in keys.filter(|name| std::env::var_os(name).is_none()) {
            eprintln!("The environment variable {name} is not set here");
        }
        let text = toml::to_string(&config).map_err(Problem::new)?;
        eprintln!("{} is right; with all defaults it reads:", path.display());
        print!("{text}");
        Ok(ExitCode::SUCCESS)
    }
}

/// The file that was asked for; else the usual one, if it is there; else the defaults.
pub(super) fn load(path: Option<&Path>) -> Result<Config, Problem> {
    match path {
        Some(path) => Config::load(path).map_err(Problem::new),
        None if Path::new(DEFAULT_FILE).exists() => Config::load(Path::new(DEFAULT_FILE)).map_err(Problem::new),
        None => Ok(Config::default()),
    }
}
