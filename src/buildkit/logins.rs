//! Registry credentials: each registry's own, when the builder asks for them.

use std::sync::Arc;

use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
    GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse,
};
use tonic::{Request, Response, Status};

use crate::engine::Logins;

/// What Docker Hub is called by whoever speaks its API.
const HUB: &str = "registry-1.docker.io";

/// Answers with the user's credentials. Tokens the builder fetches by itself: it is told
/// that nobody here does.
#[derive(Clone)]
pub(super) struct LoginService(pub(super) Arc<dyn Logins>);

#[tonic::async_trait]
impl Auth for LoginService {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let host = if host == HUB { "docker.io" } else { &host };
        let Some(found) = self.0.login(host).await else {
            return Ok(Response::new(CredentialsResponse::default()));
        };
        // A token in the place of a password is told by the empty name.
        let (username, secret) = if found.identity_token.is_empty() {
            (found.username, found.password)
        } else {
            (String::new(), found.identity_token)
        };
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
