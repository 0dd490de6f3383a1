//! What one client may take up, so that it cannot take the server away from the others.

mod wire;

use pinfold_proto::{ErrorCode, OpCode};
use pinfold_server::Server;
use wire::{Wire, create};

#[test]
fn identities_have_a_limit_and_the_server_stays() {
    let server = Server::start().unwrap();
    let mut greedy = Wire::connect(&server.address());
    let user = "u".repeat(5_000);
    let answers: Vec<_> = (0..4).map(|i| greedy.auth("digest", &format!("{user}{i}:pw"))).collect();
    let (ok, refused) = (Some(ErrorCode::Ok), Some(ErrorCode::AuthFailed));
    assert_eq!(answers, [ok, ok, ok, refused]);
    assert!(greedy.reply().is_none());
    let mut other = Wire::connect(&server.address());
    assert_eq!(other.code(OpCode::Create, &create("/a", "v", 0)), ErrorCode::Ok);
}
