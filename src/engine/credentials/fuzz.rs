//! A `config.json` as the fuzzer makes it up.

use super::config;
use super::lookup::{entry, helper, server};

/// What is said of this configuration when credentials for a registry are looked for.
pub(crate) fn complaints(text: &[u8], registry: &str) -> Vec<String> {
    let config = match config::parse(text) {
        Ok(config) => config,
        Err(error) => return vec![error.to_string()],
    };
    let server = server(registry);
    let _ = helper(&config, server);
    // What it complains of are names of servers, which a person may look at.
    entry(&config, server)
        .err()
        .map(|error| crate::words::text::foreign_line(&error.to_string()))
        .into_iter()
        .collect()
}
