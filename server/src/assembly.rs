//! From settings to a server that can run: doors, directory, the other servers, the log.

use std::sync::{Arc, Mutex, OnceLock};

use pinfold_replication::{Membership, NodeConfig, NodeId, RaftNode};
use pinfold_state::StateMachine;
use pinfold_storage::{Claim, DataDir, SnapshotReader};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::environment::{Environment, Listener, listen_error};
use crate::error::ServerError;
use crate::gate::Gate;
use crate::listener::{self, Door};
use crate::log_store::DiskLog;
use crate::peers::{self, Formation, Links, Reception, Road};
use crate::pipeline::{Message, Pipeline};
use crate::shared::{Shared, lock};
use crate::snapshots::Snapshots;
use crate::statistics::Statistics;

/// A server whose doors are open, which has yet to find out what it belongs to.
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) sender: UnboundedSender<Message>,
    id: NodeId,
    environment: Environment,
    gate: Gate,
    doors: Vec<(Listener, Door)>,
    inbox: UnboundedReceiver<Message>,
    reception: Arc<Reception>,
    claim: Claim,
    /// The cluster that it founds if it is the one to do so.
    lone: u64,
}

/// A server that has its state and is to be run.
pub(crate) struct Assembled {
    /// Open for as long as the pipeline is there.
    pub(crate) directory: DataDir,
    pub(crate) pipeline: Pipeline<RaftNode<DiskLog>, Links>,
    doors: Vec<(Listener, Door)>,
}

impl Site {
    /// Opens doors and takes the directory. Needs a runtime.
    pub(crate) fn open(mut config: Config, environment: Environment) -> Result<Site, ServerError> {
        let gate = Gate::load(&config)?;
        let doors = open_doors(&mut config, &environment)?;
        let (sender, inbox) = unbounded_channel();
        let id = config.ensemble.own_id(&*environment.fs, &config.data_dir)?;
        let lone = environment.random()?;
        let reception = Arc::new(Reception {
            id,
            formation: Mutex::default(),
            snapshots: OnceLock::new(),
            pipeline: sender.clone(),
            road: Road::open(&config.peer_tls, environment.clone())?,
        });
        if config.is_distributed() {
            let listener = open_to_peers(&config, id, &environment)?;
            tokio::spawn(peers::receive(reception.clone(), listener));
        }
        let claim = DataDir::claim(environment.fs.clone(), &config.data_dir)?;
        Ok(Site { config, sender, id, environment, gate, doors, inbox, reception, claim, lone })
    }

    /// Whether the other servers have to be asked what this one belongs to.
    pub(crate) fn has_to_ask(&self) -> bool {
        self.claim.is_new() && self.config.ensemble.has_peers()
    }

    /// Asks them until it is known.
    pub(crate) async fn ask(&self) -> Formation {
        peers::form(&self.reception.road, &self.config.ensemble, self.id, self.lone).await
    }

    /// Opens the directory, and brings the state to where the log ends. Needs a runtime. In a new
    /// directory it begins with the formation, alone if there is none.
    pub(crate) fn assemble(self, formation: Option<Formation>) -> Result<Assembled, ServerError> {
        let Site { config, sender, id, environment, gate, doors, inbox, reception, .. } = self;
        let alone = || Formation { cluster: self.lone, founders: Membership::single(id) };
        let directory = self.claim.open(|| formation.unwrap_or_else(alone).identity())?;
        let formation = Formation::of(&directory)?;
        let opened = DiskLog::open_in(&directory, &formation.founders, &environment)?;
        let (state, term) = match opened.snapshot {
            Some(reader) => {
                let (index, term) = (reader.id().index, reader.id().term);
                let state = restore(reader)?;
                environment.state(id, index, || state.digest());
                (state, term)
            }
            None => (StateMachine::new(), 0),
        };
        let seed = environment.random()?;
        let consensus = RaftNode::new(&NodeConfig { seed, ..NodeConfig::new(id) }, opened.log)?;
        let cluster = formation.cluster;
        let snapshots = &opened.snapshots;
        let links = Links::keep(cluster, id, &config, snapshots, &sender, &reception.road);
        let _ = reception.snapshots.set(opened.snapshots.clone());
        *lock(&reception.formation) = Some(formation);
        let every = config.snapshot_every;
        let snapshots = Snapshots::new(opened.snapshots, environment.clone(), every);
        let statistics = Statistics::new(opened.syncs);
        let shared = Shared::new(id, config, environment, gate, state, sender, statistics);
        let shared = Arc::new(shared);
        let mut pipeline = Pipeline::new(shared, consensus, links, inbox, snapshots, term)?;
        pipeline.recover()?;
        Ok(Assembled { directory, pipeline, doors })
    }
}

impl Assembled {
    /// Lets clients in, from now on until the tasks are aborted.
    pub(crate) fn accept(&mut self, runtime: &Handle) -> Vec<JoinHandle<()>> {
        let shared = &self.pipeline.shared;
        let doors = self.doors.drain(..);
        doors
            .map(|(listener, door)| runtime.spawn(listener::accept(shared.clone(), listener, door)))
            .collect()
    }
}

/// Listens wherever the settings say. With port 0 only the listener knows the real one, which is
/// put into the settings.
fn open_doors(
    config: &mut Config,
    environment: &Environment,
) -> Result<Vec<(Listener, Door)>, ServerError> {
    let mut doors = Vec::new();
    let mut open = |listen: &mut String, door| {
        let listener = environment.bind(listen)?;
        *listen = listener.address().map_err(|error| listen_error(listen, error.to_string()))?;
        doors.push((listener, door));
        Ok::<(), ServerError>(())
    };
    if !config.listen.is_empty() {
        let door = if config.tls.port_unification { Door::Either } else { Door::Plain };
        open(&mut config.listen, door)?;
    }
    if let Some(listen) = &mut config.tls.listen {
        open(listen, Door::Secure)?;
    }
    Ok(doors)
}

/// Listens where the other servers look for this one. A name that cannot be looked up yet must not
/// stop it: then it listens everywhere, as `quorumListenOnAllIPs` has it always do.
fn open_to_peers(
    config: &Config,
    id: NodeId,
    environment: &Environment,
) -> Result<Listener, ServerError> {
    let Some(member) = config.ensemble.member(id) else { return environment.bind("") };
    let everywhere = format!("0.0.0.0:{}", member.peer_port);
    let address = member.peer_address();
    if config.listens_to_peers_everywhere {
        return environment.bind(&everywhere);
    }
    if environment.is_unknown(&address) {
        tracing::warn!("{address} cannot be looked up; other servers are let in at {everywhere}");
        return environment.bind(&everywhere);
    }
    environment.bind(&address)
}

/// The state that a snapshot holds.
pub(crate) fn restore(reader: SnapshotReader) -> Result<StateMachine, ServerError> {
    let mut failure = None;
    let blocks = reader.map_while(|block| block.map_err(|error| failure = Some(error)).ok());
    let restored = StateMachine::restore(blocks);
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(restored?),
    }
}
