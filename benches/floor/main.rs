//! The floor that `scripts/bench` measures occ against: the least that a program with
//! the same client library needs to see that images are there.
//!
//! `floor REFERENCE…` inspects each, one after another, at the Unix socket that
//! `DOCKER_HOST` names.

use bollard::Docker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), bollard::errors::Error> {
    let docker = Docker::connect_with_unix_defaults()?;
    for reference in std::env::args_os().skip(1) {
        docker.inspect_image(&reference.to_string_lossy()).await?;
    }
    Ok(())
}
