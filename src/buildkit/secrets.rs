//! Secrets, by the name that a `RUN --mount=type=secret` has for them.

use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use tonic::{Request, Response, Status};

use crate::engine::Secret;

/// Answers with the secrets of this build and no others.
#[derive(Clone)]
pub(super) struct SecretService(pub(super) Arc<[Secret]>);

#[tonic::async_trait]
impl Secrets for SecretService {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        match self.0.iter().find(|secret| secret.id == id) {
            Some(Secret { value, .. }) => {
                Ok(Response::new(GetSecretResponse { data: value.to_vec() }))
            }
            // To a mount that is not required this means: no file.
            None => Err(Status::not_found(format!("the manifest has no secret `{id}`"))),
        }
    }
}
