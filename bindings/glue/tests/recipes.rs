//! The recipes as a host meets them: handles, events, time limits and cancellation.

use std::time::Duration;

use bytes::Bytes;
use pinfold_glue::api::API;
use pinfold_glue::{
    Argument, Client, Error, Field, Item, MultiOp, Op, Options, RecipeEvent, RecipeEventKind,
    Server, ServerOptions, Value,
};

const LONG: Option<Duration> = Some(Duration::from_secs(60));

fn open(server: &Server) -> Client {
    let mut options = Options::new(server.address());
    options.session_timeout_ms = 40_000;
    let client = Client::open(options).unwrap();
    client.wait_connected().unwrap();
    client
}

fn call(client: &Client, name: &str, arguments: Vec<Argument>) -> Result<Value, Error> {
    client.call(Op::recipe(name, arguments)?, LONG)
}

/// Takes the lock at `/lock`, for at most this long.
fn acquire(client: &Client, timeout_ms: i64) -> Value {
    let arguments = vec!["/lock".into(), Argument::Absent, Argument::Absent, timeout_ms.into()];
    call(client, "lock_acquire", arguments).unwrap()
}

fn token(held: &Value) -> i64 {
    match held {
        Value::Record(record) => match record.get("token") {
            Some(Field::Long(token)) => *token,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The next event of a recipe.
fn event(client: &Client, recipe: u64) -> RecipeEvent {
    loop {
        assert!(client.wait(LONG));
        for item in client.drain(1) {
            match item {
                Item::Recipe { recipe: told, event } if told == recipe => return event,
                _ => {}
            }
        }
    }
}

/// Waits until so many stand in the line at `/lock`.
fn wait_for_line(client: &Client, wanted: usize) {
    loop {
        let listed = client.call(Op::GetChildren { path: "/lock".to_owned(), watch: false }, LONG);
        match listed.unwrap() {
            Value::Children { names, .. } if names.len() == wanted => return,
            _ => std::thread::yield_now(),
        }
    }
}

#[test]
fn every_operation_of_the_table_is_carried_out() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let client = open(&server);
    for operation in API.recipes.iter().flat_map(|recipe| recipe.operations) {
        // Text that is no path, and the handle of nothing: refused by whoever carries it out.
        let wrong = |arg: &pinfold_glue::api::Arg| match arg.default {
            Some(_) => Argument::Absent,
            None => [
                Argument::from("no path"),
                Bytes::new().into(),
                Argument::Number(1),
                Argument::Bool(true),
                Argument::Texts(Vec::new()),
                Argument::Payloads(Vec::new()),
                Argument::MultiOps(Vec::new()),
            ]
            .into_iter()
            .find(|one| one.fits(arg).is_ok())
            .unwrap(),
        };
        let arguments = operation.args.iter().map(wrong).collect();
        let op = Op::recipe(operation.name, arguments).unwrap();
        if let Err(error) = client.call(op, Some(Duration::from_secs(5))) {
            assert_ne!(error.name, "PANIC", "{}: {error}", operation.name);
        }
    }
}

#[test]
fn a_lock_is_held_by_one_and_its_write_is_fenced() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let (first, second) = (open(&server), open(&server));
    let held = acquire(&first, -1);
    assert_eq!(acquire(&second, 0), Value::Null);
    assert_eq!(acquire(&second, 1), Value::Null);
    wait_for_line(&first, 1);
    let write = |data: &str| {
        let data = Some(Bytes::from(data.to_owned()));
        vec![MultiOp::SetData { path: "/".to_owned(), data, version: -1 }].into()
    };
    let recipe = held.handle().unwrap();
    call(&first, "hold_write", vec![recipe.into(), write("mine")]).unwrap();
    // Taken away by somebody: the loss is told, and no write goes through.
    let Value::Record(record) = &held else { panic!("{held:?}") };
    let Some(Field::Text(path)) = record.get("path") else { panic!("{record:?}") };
    second.call(Op::Delete { path: path.clone(), version: -1 }, LONG).unwrap();
    assert_eq!(event(&first, recipe).kind, RecipeEventKind::Lost);
    let refused = call(&first, "hold_write", vec![recipe.into(), write("late")]).unwrap_err();
    assert!(["CLAIM_LOST", "INVALID_HANDLE"].contains(&refused.name), "{refused}");
    assert!(token(&acquire(&second, -1)) > token(&held));
}

#[test]
fn a_cancelled_wait_leaves_the_line() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let (first, second) = (open(&server), open(&server));
    let held = acquire(&first, -1);
    let waits = second.submit(Op::recipe("lock_acquire", vec!["/lock".into()]).unwrap()).unwrap();
    wait_for_line(&first, 2);
    assert!(second.cancel(waits));
    assert!(!second.cancel(waits));
    wait_for_line(&first, 1);
    let item = loop {
        assert!(second.wait(LONG));
        match second.drain(1).pop() {
            Some(Item::Reply { ticket, result }) if ticket == waits => break result,
            _ => {}
        }
    };
    assert_eq!(item.unwrap_err().name, "CANCELLED");
    call(&first, "hold_release", vec![held.handle().unwrap().into()]).unwrap();
    wait_for_line(&first, 0);
}

#[test]
fn a_call_past_its_time_limit_leaves_the_line() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let (first, second) = (open(&server), open(&server));
    let _held = acquire(&first, -1);
    let waits = Op::recipe("lock_acquire", vec!["/lock".into()]).unwrap();
    let error = second.call(waits, Some(Duration::from_millis(1))).unwrap_err();
    assert_eq!(error.name, "TIMEOUT");
    wait_for_line(&first, 1);
}

#[test]
fn an_observer_is_told_who_leads() {
    let server = Server::start(ServerOptions::default()).unwrap();
    let client = open(&server);
    let election = || Argument::from("/election");
    let observer = call(&client, "election_observe", vec![election()]).unwrap().handle().unwrap();
    assert_eq!(event(&client, observer).token, 0);
    let name = Bytes::from_static(b"me");
    let campaign = call(&client, "election_campaign", vec![election(), name.clone().into()]);
    let leads = campaign.unwrap();
    let seen = event(&client, observer);
    assert_eq!((seen.kind, seen.payload), (RecipeEventKind::LeaderChanged, name));
    assert_eq!(seen.token, token(&leads));
    call(&client, "election_ignore", vec![observer.into()]).unwrap();
    assert_eq!(event(&client, observer).kind, RecipeEventKind::Ended);
}
