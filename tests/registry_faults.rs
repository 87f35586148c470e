//! Registries that fail, between the real engine and scripted servers on loopback.

mod answers;
mod bytes;
mod layers;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Where nobody listens.
fn closed_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// An address of this machine that is not loopback's. Nothing is sent to find it.
fn outward_address() -> Ipv4Addr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").expect("this test needs a network beside loopback");
    match socket.local_addr().unwrap() {
        SocketAddr::V4(address) => *address.ip(),
        SocketAddr::V6(address) => panic!("{address} for an IPv4 socket"),
    }
}
