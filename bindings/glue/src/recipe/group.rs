//! Groups and caches.

use std::sync::atomic::{AtomicBool, Ordering};

use pinfold_client as core;
use pinfold_recipes::{
    CacheEvent, CachedNode, Group, GroupEvent, Member, Members, Membership, TreeCache,
};

use super::held::Recipe;
use super::{Recipes, unknown};
use crate::argument::Call;
use crate::value::{Field, Record};
use crate::{Error, RecipeEvent, RecipeEventKind as Kind, Value};

/// A membership; its loss is told once.
struct Joined {
    membership: Membership,
    told: AtomicBool,
}

impl Recipe for Joined {
    const CALLED: &'static str = "a membership";

    async fn next(&self) -> Option<RecipeEvent> {
        let reason = self.membership.lost().await;
        let is_news = !self.told.swap(true, Ordering::AcqRel);
        is_news.then(|| RecipeEvent { reason, ..RecipeEvent::of(Kind::Lost) })
    }

    async fn end(self) -> Result<(), core::Error> {
        self.membership.leave().await
    }
}

impl Recipe for Members {
    const CALLED: &'static str = "a watch of a group";

    async fn next(&self) -> Option<RecipeEvent> {
        let member = |kind, member: Member| RecipeEvent {
            worker: member.id,
            payload: member.data,
            token: member.token,
            attempt: member.capacity,
            ..RecipeEvent::of(kind)
        };
        Some(match Members::next(self).await? {
            GroupEvent::Joined(joined) => member(Kind::MemberJoined, joined),
            GroupEvent::Updated(updated) => member(Kind::MemberUpdated, updated),
            GroupEvent::Left { id } => {
                RecipeEvent { worker: id, ..RecipeEvent::of(Kind::MemberLeft) }
            }
            GroupEvent::Initialized => RecipeEvent::of(Kind::Initialized),
        })
    }

    async fn end(self) -> Result<(), core::Error> {
        Ok(())
    }
}

impl Recipe for TreeCache {
    const CALLED: &'static str = "a cache";

    async fn next(&self) -> Option<RecipeEvent> {
        let node = |kind, path, node: CachedNode| RecipeEvent {
            path,
            payload: node.data,
            token: node.stat.mzxid,
            ..RecipeEvent::of(kind)
        };
        Some(match TreeCache::next(self).await? {
            CacheEvent::Added { path, node: at } => node(Kind::NodeAdded, path, at),
            CacheEvent::Changed { path, node: at } => node(Kind::NodeChanged, path, at),
            CacheEvent::Removed { path } => {
                RecipeEvent { path, ..RecipeEvent::of(Kind::NodeRemoved) }
            }
            CacheEvent::Initialized => RecipeEvent::of(Kind::Initialized),
        })
    }

    async fn end(self) -> Result<(), core::Error> {
        Ok(())
    }
}

impl Recipes {
    pub(super) async fn run_group(
        &self,
        ticket: u64,
        verb: &str,
        mut call: Call,
    ) -> Result<Value, Error> {
        match verb {
            "join" => {
                let (id, data) = (call.text("id"), call.bytes("data"));
                let capacity = call.u32("capacity");
                let membership = self.group(&mut call).join(&id, data, capacity).await?;
                let record = Record::new([
                    ("recipe", Field::Handle(ticket)),
                    ("token", Field::Long(membership.token())),
                    ("path", Field::Text(membership.path().to_owned())),
                ]);
                self.keep(ticket, Joined { membership, told: AtomicBool::new(false) });
                Ok(Value::Record(record))
            }
            "update" => {
                let recipe = call.handle();
                let joined = self.held::<Joined>(recipe)?.borrow(recipe).await?;
                joined.membership.update(call.bytes("data")).await?;
                Ok(Value::Done)
            }
            "leave" => self.stop::<Joined>(call.handle()).await,
            "members" => {
                let record = |member: Member| {
                    Record::new([
                        ("id", Field::Text(member.id)),
                        ("data", Field::Bytes(member.data)),
                        ("capacity", Field::Int(member.capacity)),
                        ("token", Field::Long(member.token)),
                    ])
                };
                let members = self.group(&mut call).members().await?;
                Ok(Value::Records(members.into_iter().map(record).collect()))
            }
            "watch" => {
                let members = self.group(&mut call).watch();
                self.keep(ticket, members);
                Ok(Value::Recipe(ticket))
            }
            "ignore" => self.stop::<Members>(call.handle()).await,
            _ => Err(unknown(&call)),
        }
    }

    pub(super) async fn run_cache(
        &self,
        ticket: u64,
        verb: &str,
        mut call: Call,
    ) -> Result<Value, Error> {
        match verb {
            "start" => {
                let path = call.text("path");
                core::path::validate(&path).map_err(|error| {
                    Error::invalid_argument(format!("{path:?} is no path: {error}"))
                })?;
                let max_depth = usize::try_from(call.number("max_depth")).ok();
                self.keep(ticket, TreeCache::start(self.session.clone(), &path, max_depth));
                Ok(Value::Recipe(ticket))
            }
            "get" => {
                let recipe = call.handle();
                let cache = self.held::<TreeCache>(recipe)?.borrow(recipe).await?;
                Ok(match cache.get(&call.text("path")) {
                    Some(node) => Value::Data { data: Some(node.data), stat: node.stat },
                    None => Value::Null,
                })
            }
            "children" => {
                let recipe = call.handle();
                let cache = self.held::<TreeCache>(recipe)?.borrow(recipe).await?;
                Ok(Value::Paths(cache.children(&call.text("path"))))
            }
            "stop" => self.stop::<TreeCache>(call.handle()).await,
            _ => Err(unknown(&call)),
        }
    }

    fn group(&self, call: &mut Call) -> Group {
        Group::new(self.session.clone(), &call.text("path"))
    }
}
