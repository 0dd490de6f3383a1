//! Settings: zoo.cfg, Java's system properties, flags.

mod authentication;
mod ensemble;
mod limits;
mod properties;
mod sasl;
mod setting;
mod tls;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pinfold_storage::{FileSystem, OsFileSystem};

pub use authentication::Authentication;
pub use ensemble::{Ensemble, Member};
pub use limits::Limits;
use properties::Property;
pub(crate) use sasl::DEFAULT_SECTION;
pub use sasl::Sasl;
use setting::Setting;
pub use tls::{ClientAuth, PeerTls, StoreFile, Tls};
pub use words::Words;

use crate::error::ServerError;

/// All settings of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `host:port` to listen on; empty where TLS alone is spoken.
    pub listen: String,
    /// Where log and snapshots are.
    pub data_dir: PathBuf,
    /// The unit of session timeouts, in milliseconds.
    pub tick_time_ms: u32,
    /// Shortest session timeout in milliseconds; two ticks when not set.
    pub min_session_timeout_ms: Option<i32>,
    /// Longest session timeout in milliseconds; twenty ticks when not set.
    pub max_session_timeout_ms: Option<i32>,
    /// How much clients may ask for.
    pub limits: Limits,
    /// The four-letter words that are answered.
    pub four_letter_words: Words,
    /// Who is who.
    pub authentication: Authentication,
    /// TLS.
    pub tls: Tls,
    /// TLS between servers.
    pub peer_tls: PeerTls,
    /// SASL, and who has to be authenticated.
    pub sasl: Sasl,
    /// Whether a server of an ensemble without a leader serves reads to clients that allow it.
    pub read_only: bool,
    /// For tests: a file that says how the disk is to misbehave, see [`FaultyFileSystem`].
    ///
    /// [`FaultyFileSystem`]: pinfold_storage::FaultyFileSystem
    pub disk_faults: Option<PathBuf>,
    /// Entries after which a snapshot is taken.
    pub snapshot_every: u64,
    /// Entries after which the servers of an ensemble compare their states; 0 for never.
    pub digest_every: u64,
    /// Bytes of a snapshot that go to another server in a second at most; 0 for any number.
    pub snapshot_bytes_per_second: usize,
    /// Whether nodes with a time to live may be created.
    pub extended_types: bool,
    /// How often containers and nodes with a time to live are looked through.
    pub collect_interval: Duration,
    /// Most of them that go in a minute.
    pub collect_per_minute: u32,
    /// Milliseconds after which a container goes that never had a child; 0 for never.
    pub unused_after_ms: i64,
    /// Whether clients may change the ensemble's members (`reconfigEnabled`).
    pub reconfig_enabled: bool,
    /// Whether other servers are let in at every address (`quorumListenOnAllIPs`).
    pub listens_to_peers_everywhere: bool,
    /// Ticks that a new server of the ensemble has to catch up (`initLimit`).
    pub init_limit: u32,
    /// `syncLimit`. Consensus has its own pace; monitors are told.
    pub sync_limit: u32,
    /// Whether a server that is named alone runs without an ensemble (`standaloneEnabled`).
    pub standalone_enabled: bool,
    /// The servers of the ensemble, if there is one.
    pub ensemble: Ensemble,
}

impl Default for Config {
    /// What a server without a configuration file does: it listens on the loopback only, so it
    /// limits nobody and answers every four-letter word.
    fn default() -> Config {
        Config {
            listen: "127.0.0.1:2181".to_owned(),
            data_dir: PathBuf::from("pinfold-data"),
            tick_time_ms: 2000,
            min_session_timeout_ms: None,
            max_session_timeout_ms: None,
            limits: Limits::default(),
            four_letter_words: Words::All,
            authentication: Authentication::default(),
            tls: Tls::default(),
            peer_tls: PeerTls::default(),
            sasl: Sasl::default(),
            read_only: false,
            disk_faults: None,
            snapshot_every: 100_000,
            digest_every: 1000,
            snapshot_bytes_per_second: 100 << 20,
            extended_types: false,
            collect_interval: Duration::from_secs(60),
            collect_per_minute: 10_000,
            unused_after_ms: 0,
            reconfig_enabled: false,
            listens_to_peers_everywhere: false,
            init_limit: 10,
            sync_limit: 5,
            standalone_enabled: true,
            ensemble: Ensemble::default(),
        }
    }
}

impl Config {
    /// Reads a zoo.cfg on top of ZooKeeper's own defaults.
    ///
    /// # Errors
    /// A file that cannot be read, or a known setting whose value has no meaning. Unknown
    /// settings are only logged.
    pub fn read(path: &Path) -> Result<Config, ServerError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ServerError::ConfigFile { path: path.to_owned(), source })?;
        Config::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a zoo.cfg; `name` stands for it in errors.
    ///
    /// # Errors
    /// A known setting whose value has no meaning.
    pub fn parse(text: &str, name: &str) -> Result<Config, ServerError> {
        Config::parse_on(&OsFileSystem, text, name)
    }

    /// Likewise, with the data directory on this file system.
    ///
    /// # Errors
    /// A known setting whose value has no meaning.
    pub fn parse_on(fs: &dyn FileSystem, text: &str, name: &str) -> Result<Config, ServerError> {
        let mut config = Config {
            tick_time_ms: 3000,
            limits: Limits::of_zookeeper(),
            four_letter_words: Words::of_zookeeper(),
            ..Config::default()
        };
        let (mut plain, mut secure) = (Listen::default(), Listen::default());
        let unreadable = |line| {
            let place = format!("{name}, line {line}");
            let setting = Setting { place: &place, key: "\\u", value: "" };
            setting.refused("four hexadecimal digits have to follow")
        };
        for Property { line, key, value } in properties::parse(text).map_err(unreadable)? {
            let place = format!("{name}, line {line}");
            let setting = Setting { place: &place, key: &key, value: &value };
            match setting.key {
                "clientPort" => plain.port = Some(setting.number()?),
                "clientPortAddress" => plain.host = Some(setting.value.to_owned()),
                "secureClientPort" => secure.port = Some(setting.number()?),
                "secureClientPortAddress" => secure.host = Some(setting.value.to_owned()),
                _ => config.set(&setting)?,
            }
        }
        config.tls.listen = secure.address();
        let own = config.own_client_address(fs)?;
        // ZooKeeper's own default port, where nothing is said at all.
        if plain.port.is_none() && config.tls.listen.is_none() && own.is_none() {
            plain.port = Some(2181);
        }
        config.listen = plain.address().or(own).unwrap_or_default();
        Ok(config)
    }

    /// Whether this is a server of an ensemble, be it the only one so far.
    pub fn is_distributed(&self) -> bool {
        let is_named = self.ensemble.members().next().is_some();
        self.ensemble.has_peers() || is_named && !self.standalone_enabled
    }

    /// Where the `server.N` line of this server lets clients in.
    fn own_client_address(&self, fs: &dyn FileSystem) -> Result<Option<String>, ServerError> {
        if !self.is_distributed() {
            return Ok(None);
        }
        let own = self.ensemble.member(self.ensemble.own_id(fs, &self.data_dir)?);
        Ok(own.and_then(|member| member.client.clone()))
    }

    /// Takes one of Java's system properties, `zookeeper.` in front or not.
    ///
    /// # Errors
    /// A known setting whose value has no meaning.
    pub fn property(&mut self, place: &str, name: &str, value: &str) -> Result<(), ServerError> {
        self.set(&Setting { place, key: name, value })
    }

    /// Takes the `-Dname=value` words of a text such as JVMFLAGS; other words are left alone.
    ///
    /// # Errors
    /// A known setting whose value has no meaning.
    pub fn properties(&mut self, place: &str, flags: &str) -> Result<(), ServerError> {
        for word in flags.split_whitespace() {
            if let Some(property) = word.strip_prefix("-D") {
                let (name, value) = property.split_once('=').unwrap_or((property, ""));
                self.property(place, name, value)?;
            }
        }
        Ok(())
    }

    /// The shortest and longest session timeout, in milliseconds.
    pub fn session_timeouts_ms(&self) -> (i32, i32) {
        let tick = i32::try_from(self.tick_time_ms).unwrap_or(i32::MAX);
        let min = self.min_session_timeout_ms.unwrap_or(tick.saturating_mul(2)).max(1);
        let max = self.max_session_timeout_ms.unwrap_or(tick.saturating_mul(20));
        (min, max.max(min))
    }

    /// How many nodes may go in one look: as many as in all the time until the next one.
    pub(crate) fn collected_at_once(&self) -> usize {
        let ms = u128::from(self.collect_per_minute) * self.collect_interval.as_millis();
        usize::try_from(ms.div_ceil(60_000)).unwrap_or(usize::MAX).max(1)
    }

    fn set(&mut self, setting: &Setting) -> Result<(), ServerError> {
        let area = self.limits.set(setting)?
            || self.ensemble.set(setting)?
            || self.four_letter_words.set(setting)
            || self.authentication.set(setting)?
            || self.peer_tls.set(setting)?
            || self.tls.set(setting)?
            || self.sasl.set(setting)?;
        if area {
            return Ok(());
        }
        match setting.name() {
            "dataDir" => self.data_dir = PathBuf::from(setting.value),
            "tickTime" => {
                let ticks: u32 = setting.number()?;
                if ticks == 0 {
                    return Err(setting.refused("it has to be at least 1"));
                }
                self.tick_time_ms = ticks;
            }
            "minSessionTimeout" => self.min_session_timeout_ms = setting.timeout_ms()?,
            "maxSessionTimeout" => self.max_session_timeout_ms = setting.timeout_ms()?,
            "readonlymode.enabled" => self.read_only = setting.is_true(),
            "pinfold.diskFaults" => self.disk_faults = Some(PathBuf::from(setting.value)),
            "pinfold.digestEvery" => self.digest_every = setting.number()?,
            "pinfold.snapshotBytesPerSecond" => {
                self.snapshot_bytes_per_second = setting.bytes(usize::MAX)?;
            }
            "snapCount" => self.snapshot_every = setting.number()?,
            "extendedTypesEnabled" => self.extended_types = setting.is_true(),
            "reconfigEnabled" => self.reconfig_enabled = setting.is_true(),
            "standaloneEnabled" => self.standalone_enabled = setting.is_true(),
            "znode.container.checkIntervalMs" => {
                self.collect_interval = Duration::from_millis(setting.number()?);
            }
            "znode.container.maxNeverUsedIntervalMs" => self.unused_after_ms = setting.number()?,
            "znode.container.maxPerMinute" => {
                self.collect_per_minute = setting.number()?;
                if self.collect_per_minute == 0 {
                    return Err(setting.refused("it has to be at least 1"));
                }
            }
            // Old snapshots are always purged; three are kept.
            "autopurge.snapRetainCount" | "autopurge.purgeInterval" => {}
            "quorumListenOnAllIPs" => self.listens_to_peers_everywhere = setting.is_true(),
            "initLimit" => self.init_limit = setting.number()?,
            "syncLimit" => self.sync_limit = setting.number()?,
            _ => {
                tracing::warn!("{}: {} is not known and has no effect", setting.place, setting.key);
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Listen {
    host: Option<String>,
    port: Option<i32>,
}

impl Listen {
    /// All addresses without a host, nothing without a port; ZooKeeper writes 0 and -1 for none,
    /// too.
    fn address(self) -> Option<String> {
        let host = self.host.unwrap_or_else(|| "0.0.0.0".to_owned());
        let port = self.port.filter(|port| *port > 0)?;
        Some(match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoo_cfg_is_read_as_it_is() {
        let text = "# sample\ntickTime=1500\ninitLimit=10\n\ndataDir=/tmp/zk\nclientPort=2185\n\
                    4lw.commands.whitelist=stat, ruok\nmaxClientCnxns=7\nsomething.else=1\n\
                    zookeeper.extendedTypesEnabled=true\njute.maxbuffer=0x1fffff\n";
        let config = Config::parse(text, "zoo.cfg").unwrap();
        assert_eq!(config.listen, "0.0.0.0:2185");
        assert_eq!(config.data_dir, PathBuf::from("/tmp/zk"));
        assert_eq!(config.session_timeouts_ms(), (3000, 30_000));
        assert!(config.four_letter_words.contain("ruok"));
        assert!(config.four_letter_words.contain("srvr"), "ZooKeeper's scripts need it");
        assert!(!config.four_letter_words.contain("mntr"));
        assert_eq!(
            (config.limits.connections_per_address, config.limits.frame_bytes),
            (7, 0x1f_ffff)
        );
        assert!(config.extended_types);
    }

    #[test]
    fn a_zoo_cfg_may_be_written_as_java_reads_it() {
        let text = "clientPort 2185\ntickTime : 1500\n4lw.commands.whitelist = stat, \\\n ruok\n";
        let config = Config::parse(text, "zoo.cfg").unwrap();
        assert_eq!((&*config.listen, config.tick_time_ms), ("0.0.0.0:2185", 1500));
        assert!(config.four_letter_words.contain("ruok"));
        let error = Config::parse("\na=\\u1\n", "zoo.cfg").unwrap_err().to_string();
        assert!(error.contains("zoo.cfg, line 2"), "{error}");
    }

    #[test]
    fn a_bad_value_is_named_with_its_line() {
        let error = Config::parse("tickTime=2000\nclientPort=none\n", "zoo.cfg").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("zoo.cfg, line 2") && text.contains("clientPort"), "{text}");
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_its_line() {
        let texts = [
            "server.1=a:2888:3888\nserver.1=b:2888:3888\n",
            "\nssl.crl=true\n",
            "\nquorum.auth.enableSasl=true\n",
            "\nletAnySaslUserDoX=bob\n",
            "\nssl.quorum.clientAuth=maybe\n",
            "\nDigestAuthenticationProvider.digestAlg=SHA-256\n",
            "\nssl.clientAuth=maybe\n",
            "\nssl.enabledProtocols=SSLv3\n",
            "\nsecureClientPort=x\n",
        ];
        for text in texts {
            let error = Config::parse(text, "zoo.cfg").unwrap_err().to_string();
            assert!(error.contains("zoo.cfg, line 2"), "{error}");
        }
    }

    #[test]
    fn the_collection_of_nodes_has_a_pace() {
        let mut config = Config::parse("znode.container.maxPerMinute=600", "zoo.cfg").unwrap();
        assert_eq!(config.collected_at_once(), 600);
        config.collect_interval = Duration::from_millis(150);
        assert_eq!(config.collected_at_once(), 2);
        config.collect_interval = Duration::ZERO;
        assert_eq!(config.collected_at_once(), 1, "it never comes to a stand");
        assert!(Config::parse("znode.container.maxPerMinute=0", "zoo.cfg").is_err());
    }

    #[test]
    fn java_flags_are_taken() {
        let mut config = Config::default();
        let flags = "-Xmx1g -Dzookeeper.DigestAuthenticationProvider.superDigest=super:abc= \
                     -Djute.maxbuffer=4194304 -Dzookeeper.snapCount=10";
        config.properties("JVMFLAGS", flags).unwrap();
        assert_eq!(config.authentication.super_digest.as_deref(), Some("super:abc="));
        assert_eq!((config.limits.frame_bytes, config.snapshot_every), (4 << 20, 10));
        assert!(config.properties("JVMFLAGS", "-DtickTime=x").is_err());
    }
}
