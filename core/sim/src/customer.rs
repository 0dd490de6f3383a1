//! A client at work: the real client of core/client, which asks for this and that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pinfold_client::simulation::{Connecting, Socket, World};
use pinfold_client::{Acl, Client, CreateMode, Error, MultiOp, Options, Outcome, Watch};
use tokio::time::sleep;

use crate::Random;
use crate::ledger::{CONFIG, EPOCH_MS};
use crate::network::Place;
use crate::promises::{self, Token};
use crate::recorder::Recorder;

const NAMES: u64 = 8;
/// Watches that are kept at the same time.
const WATCHES: usize = 12;

/// The world of one client.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) place: Place,
    pub(crate) random: Mutex<Random>,
}

impl World for Outside {
    fn connect<'a>(&'a self, address: &'a str) -> Connecting<'a> {
        Box::pin(async move {
            let end = self.place.connect(address).await?;
            Ok(Box::new(end) as Box<dyn Socket>)
        })
    }

    fn random(&self) -> u32 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).number() as u32
    }

    fn wall_ms(&self) -> i64 {
        EPOCH_MS + self.place.network.now_ms() as i64
    }
}

/// Works for as long as it is let.
pub(crate) async fn work(hosts: String, place: Place, seed: u64) {
    let mut random = Random::new(seed);
    let numbers = u64::from(place.host) << 32;
    let mut customer = Customer { recorder: place.network.recorder(), numbers };
    let outside = Outside { place, random: Mutex::new(Random::new(seed ^ 0x0475)) };
    let timeout_ms = 2000 + random.below(6000);
    let options = Options {
        session_timeout: Duration::from_millis(timeout_ms),
        world: Some(Arc::new(outside)),
        ..Options::new(hosts)
    };
    loop {
        match Client::connect(options.clone()).await {
            Ok(client) => customer.session(&client, &mut random).await,
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

fn path(random: &mut Random) -> String {
    let top = random.below(NAMES);
    match random.below(4) {
        0 => format!("/n{top}/c{}", random.below(3)),
        _ => format!("/n{top}"),
    }
}

fn mode(random: &mut Random) -> CreateMode {
    *random.pick(&[
        CreateMode::Persistent,
        CreateMode::Persistent,
        CreateMode::Ephemeral,
        CreateMode::PersistentSequential,
        CreateMode::EphemeralSequential,
    ])
}

fn version(random: &mut Random) -> i32 {
    if random.one_in(3) { random.below(4) as i32 } else { -1 }
}

/// Asks for this and that, and writes down what it is told of its writes.
struct Customer {
    recorder: Recorder,
    /// The number of its last write.
    numbers: Token,
}

impl Customer {
    /// One session, until it is over.
    async fn session(&mut self, client: &Client, random: &mut Random) {
        let mut watches: Vec<Watch> = Vec::new();
        let life = 20 + random.below(2000);
        for _ in 0..life {
            if client.state().is_final() {
                return;
            }
            if random.one_in(5) {
                self.burst(client, random).await;
            } else {
                self.step(client, random, &mut watches).await;
            }
            if watches.len() > WATCHES {
                watches.remove(0);
            }
            sleep(Duration::from_millis(random.below(60))).await;
        }
        let _ = client.close().await;
    }

    /// Data for the next write, which has a number from now on.
    fn data(&mut self, random: &mut Random) -> (Token, Vec<u8>) {
        let size = if random.one_in(40) { random.below(6000) } else { random.below(40) };
        self.numbers += 1;
        (self.numbers, promises::data(self.numbers, size as usize, random.below(256) as u8))
    }

    /// What came of a write.
    fn told<T>(&self, token: Token, told: Result<T, Error>) {
        let mut book = self.recorder.book();
        let promises = &mut book.ledger.promises;
        let judged = match told {
            Ok(_) => promises.confirm(token),
            Err(error) if error.outcome() == Outcome::NotApplied => {
                promises.deny(token, error.to_string())
            }
            Err(_) => Ok(()),
        };
        if let Err(what) = judged {
            book.blame(what);
        }
    }

    /// Asks for one thing, and waits for the answer. Whether that is right is for others to say.
    async fn step(&mut self, client: &Client, random: &mut Random, watches: &mut Vec<Watch>) {
        let path = path(random);
        match random.below(16) {
            0..=2 => {
                let (token, data) = self.data(random);
                let mode = mode(random);
                self.told(token, client.create(&path, data, mode, &Acl::open_unsafe()).await);
            }
            3 => drop(client.delete(&path, version(random)).await),
            4..=6 => {
                let (token, data) = self.data(random);
                self.told(token, client.set(&path, data, version(random)).await);
            }
            7 => self.several(client, random).await,
            8 => {
                let _ = client.sync(&path).await;
                let _ = client.get(&path).await;
            }
            9 => drop(client.exists(&path).await),
            10 if random.one_in(3) => {
                if let Ok((.., watch)) = client.get_watch(CONFIG).await {
                    watches.push(watch);
                }
            }
            10 => drop(client.get_children(&path).await),
            11 => {
                if let Ok((_, watch)) = client.exists_watch(&path).await {
                    watches.push(watch);
                }
            }
            12 | 13 => {
                if let Ok((.., watch)) = client.get_watch(&path).await {
                    watches.push(watch);
                }
            }
            14 => {
                if let Ok((.., watch)) = client.get_children_watch(&path).await {
                    watches.push(watch);
                }
            }
            _ => drop(client.get(&path).await),
        }
    }

    /// Several writes in one.
    async fn several(&mut self, client: &Client, random: &mut Random) {
        let first = self.numbers + 1;
        let mut ops = Vec::new();
        for _ in 0..1 + random.below(4) {
            let (path, version) = (path(random), version(random));
            ops.push(match random.below(4) {
                0 => MultiOp::Create {
                    path,
                    data: Some(self.data(random).1.into()),
                    mode: mode(random),
                    acl: Acl::open_unsafe(),
                    ttl_ms: 0,
                },
                1 => MultiOp::Delete { path, version },
                2 => MultiOp::Check { path, version },
                _ => MultiOp::SetData { path, data: Some(self.data(random).1.into()), version },
            });
        }
        let told = client.multi(ops).await;
        for token in first..=self.numbers {
            self.told(token, told.as_ref().map_err(Clone::clone));
        }
    }

    /// Asks for several things at once, reads behind writes among them.
    async fn burst(&mut self, client: &Client, random: &mut Random) {
        let acl = Acl::open_unsafe();
        let (mut created, mut set) = (Vec::new(), Vec::new());
        let (mut deleted, mut read, mut synced) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..2 + random.below(6) {
            let path = path(random);
            match random.below(7) {
                0 | 1 => {
                    let (token, data) = self.data(random);
                    created.push((token, client.create(&path, data, mode(random), &acl)));
                }
                2 | 3 => {
                    let (token, data) = self.data(random);
                    set.push((token, client.set(&path, data, -1)));
                }
                4 => deleted.push(client.delete(&path, -1)),
                5 => synced.push(client.sync(&path)),
                _ => read.push(client.get(&path)),
            }
            read.push(client.get(&path));
        }
        for (token, pending) in created {
            self.told(token, pending.await);
        }
        for (token, pending) in set {
            self.told(token, pending.await);
        }
        for pending in deleted {
            let _ = pending.await;
        }
        for pending in synced {
            let _ = pending.await;
        }
        for pending in read {
            let _ = pending.await;
        }
    }
}
