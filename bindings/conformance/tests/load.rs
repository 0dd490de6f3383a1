//! The load generator says what it sees, and nothing when something is amiss.

use std::net::SocketAddr;
use std::time::Duration;

use pinfold_conformance::load::{self, Failure, Figures, Plan, Work};
use pinfold_proto::records::{ConnectResponse, ReplyHeader, RequestHeader};
use pinfold_proto::{ErrorCode, FrameDecoder, OpCode, frame, jute};
use pinfold_server::embedded::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn plan(address: SocketAddr, work: Work) -> Plan {
    Plan {
        addresses: vec![address],
        servers: vec![std::process::id()],
        work,
        sessions: 4,
        window: 4,
        bytes: 100,
        warm: Duration::from_millis(20),
        time: Duration::from_millis(100),
        nodes: 2500,
    }
}

fn run(plan: &Plan) -> Result<Figures, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(load::run(plan))
}

#[test]
fn every_kind_of_work_gives_figures() {
    let server = Server::start().unwrap();
    let address = server.address().parse().unwrap();
    let works = [
        Work::Get,
        Work::Set,
        Work::Create,
        Work::Mixed,
        Work::Churn,
        Work::Watch,
        Work::Idle,
        Work::Fill,
    ];
    for work in works {
        let figures = run(&plan(address, work)).unwrap();
        assert!(figures.operations > 0, "{work:?}");
        assert!(figures.per_second > 0.0 && figures.server_us > 0.0, "{work:?}: {figures:?}");
        let Figures { latency, .. } = &figures;
        assert!(work == Work::Idle || latency.p50 > 0.0 && latency.max >= latency.p99, "{work:?}");
    }
    server.stop().unwrap();
}

/// What the server in between does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    /// It says that a get failed.
    Error,
    /// It answers the one after.
    Order,
    /// It goes.
    End,
}

/// Answers every request with success, until the hundredth get.
async fn serve(mut socket: TcpStream, wrong: Wrong) -> std::io::Result<()> {
    let (mut input, mut output) = (bytes::BytesMut::new(), bytes::BytesMut::new());
    let decoder = FrameDecoder { max: 1 << 20 };
    let (mut is_open, mut gets) = (false, 0);
    loop {
        while let Some(frame) = decoder.decode(&mut input).unwrap() {
            if !is_open {
                is_open = true;
                let response = ConnectResponse {
                    protocol_version: 0,
                    timeout_ms: 4000,
                    session_id: 1,
                    password: Some(bytes::Bytes::from_static(&[0; 16])),
                    read_only: Some(false),
                };
                frame::write(&mut output, |out| response.encode(out));
                continue;
            }
            let (header, _) = jute::from_bytes_prefix::<RequestHeader>(&frame).unwrap();
            let mut reply = ReplyHeader { xid: header.xid, zxid: 1, err: 0 };
            gets += u64::from(header.op == OpCode::GetData.code());
            if gets == 100 {
                match wrong {
                    Wrong::Error => reply.err = ErrorCode::NoNode.code(),
                    Wrong::Order => reply.xid += 1,
                    Wrong::End => return Ok(()),
                }
            }
            frame::write(&mut output, |out| {
                jute::write(out, &reply);
                if header.op == OpCode::Create.code() {
                    jute::write(out, "/load/c0");
                }
            });
        }
        socket.write_all(&output).await?;
        output.clear();
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

fn run_against(wrong: Wrong) -> Failure {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, wrong));
            }
        });
        let plan = Plan { time: Duration::from_secs(60), ..plan(address, Work::Get) };
        load::run(&plan).await.unwrap_err()
    })
}

#[test]
fn an_error_or_a_lost_reply_gives_no_figures() {
    let failure = run_against(Wrong::Error);
    assert!(matches!(failure, Failure::Refused(_, ErrorCode::NoNode)), "{failure}");
    let failure = run_against(Wrong::Order);
    assert!(matches!(failure, Failure::Misplaced { .. }), "{failure}");
    let failure = run_against(Wrong::End);
    let is_end = matches!(failure, Failure::Ended { missing: 1.., .. } | Failure::System { .. });
    assert!(is_end, "{failure}");
}
