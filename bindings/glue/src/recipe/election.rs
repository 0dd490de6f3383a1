//! Leader election.

use pinfold_client as core;
use pinfold_recipes::{ElectionLayout, Hold, Leader, LeaderElection, Observer};
use tokio::sync::Mutex;

use super::held::Recipe;
use super::lock::{Scope, participants};
use super::{Recipes, unknown};
use crate::argument::Call;
use crate::value::{Field, Record};
use crate::{Error, RecipeEvent, RecipeEventKind, Value};

/// Somebody who wants to know who leads.
struct Watcher(Mutex<Observer>);

impl Recipe for Watcher {
    const CALLED: &'static str = "an observer of an election";

    async fn next(&self) -> Option<RecipeEvent> {
        let leader = self.0.lock().await.next().await?;
        let Leader { data, token, .. } = leader.unwrap_or_else(|| Leader {
            data: bytes::Bytes::new(),
            token: 0,
            candidate: String::new(),
        });
        Some(RecipeEvent {
            payload: data,
            token,
            ..RecipeEvent::of(RecipeEventKind::LeaderChanged)
        })
    }

    async fn end(self) -> Result<(), core::Error> {
        Ok(())
    }
}

impl Recipes {
    pub(super) async fn run_election(
        &self,
        ticket: u64,
        verb: &str,
        mut call: Call,
    ) -> Result<Value, Error> {
        match verb {
            "campaign" => {
                let election = self.election(&mut call);
                let hold = Hold::from(election.campaign(call.bytes("data")).await?);
                let scope = Scope::new(hold, RecipeEventKind::LeadershipLost);
                let record = scope.record(ticket);
                self.keep(ticket, scope);
                Ok(record)
            }
            "resign" => self.stop::<Scope>(call.handle()).await,
            "leader" => {
                let leader = self.election(&mut call).leader().await?;
                let record = |at: Leader| {
                    Record::new([("data", Field::Bytes(at.data)), ("token", Field::Long(at.token))])
                };
                Ok(leader.map(record).map_or(Value::Null, Value::Record))
            }
            "candidates" => participants(self.election(&mut call).candidates().await),
            "observe" => {
                let observer = self.election(&mut call).observe();
                self.keep(ticket, Watcher(Mutex::new(observer)));
                Ok(Value::Recipe(ticket))
            }
            "ignore" => self.stop::<Watcher>(call.handle()).await,
            _ => Err(unknown(&call)),
        }
    }

    fn election(&self, call: &mut Call) -> LeaderElection {
        let layout = match call.number("layout") {
            1 => ElectionLayout::CuratorLatch,
            2 => ElectionLayout::CuratorSelector,
            3 => ElectionLayout::Kazoo,
            _ => ElectionLayout::Pinfold,
        };
        LeaderElection::new(self.session.clone(), &call.text("path")).with_layout(layout)
    }
}
