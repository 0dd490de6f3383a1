//! Programs from seeds: every operation with valid and invalid arguments, on few names, so that
//! they get in each other's way.

use fastrand::Rng;
use pinfold_proto::OpCode;

use super::program::{Field, Handshake, Program, Request, Step};

const CLIENTS: usize = 4;
/// Names below the program's node.
const NAMES: [&str; 4] = ["a", "b", "c", "s-"];
/// Paths that are no paths, or nobody's business.
const ODD_PATHS: [&str; 24] = [
    "",
    "/",
    "~",
    "~/",
    "a",
    "//",
    "~//a",
    "~/a/",
    "~/./a",
    "~/../a",
    "~/a/.",
    "~/a/..",
    "~/a\0",
    "~/\u{1}",
    "~/\u{7f}",
    "~/\u{9f}",
    "~/\u{d7ff}",
    "~/\u{e000}",
    "~/\u{fff0}",
    "~/\u{1f600}",
    "/zookeeper",
    "/zookeeper/quota",
    "/zookeeper/config",
    "~/...",
];
const SCHEMES: [(&str, &str); 12] = [
    ("world", "anyone"),
    ("world", "nobody"),
    ("auth", ""),
    ("auth", "ignored"),
    ("digest", "u:VHBDy/SrDmw0WPQVSfcQ4XGOXqY="),
    ("digest", "nothing"),
    ("ip", "127.0.0.1"),
    ("ip", "127.0.0.0/8"),
    ("ip", "10.0.0.1"),
    ("ip", "none"),
    ("unknown", "x"),
    ("", ""),
];
const CREDENTIALS: [(&str, &[u8]); 6] = [
    ("digest", b"u:p"),
    ("digest", b"v:q"),
    ("digest", b"nothing"),
    ("ip", b""),
    ("world", b"anyone"),
    ("unknown", b"x"),
];
/// Those that nobody has, and two that servers keep to themselves.
const UNKNOWN_OPS: [i32; 7] = [10, 99, 108, -3, i32::MAX, 20, -10];

/// A program of this many steps, always the same for the same seed.
pub fn generate(seed: u64, steps: usize) -> Program {
    let mut generator = Generator { rng: Rng::with_seed(seed), has_quota: seed % 4 == 3 };
    let mut all = Vec::with_capacity(steps);
    if generator.has_quota {
        all.extend(generator.quota());
    }
    while all.len() < steps {
        all.push(generator.step());
    }
    Program { clients: CLIENTS, steps: all }
}

struct Generator {
    rng: Rng,
    /// Quotas count: then no writes are sent together, since ZooKeeper counts only those that
    /// are done (see `server/COMPAT.md`).
    has_quota: bool,
}

impl Generator {
    fn step(&mut self) -> Step {
        let client = self.rng.usize(..CLIENTS);
        match self.rng.u32(..1000) {
            0..20 => Step::Open { client, handshake: self.handshake() },
            20..60 => Step::Attach { client, handshake: self.handshake() },
            60..70 => Step::Drop { client },
            70..72 => Step::Expire { client },
            72..82 => Step::Word(self.one(&["ruok", "isro", "wchs", "what"]).to_owned()),
            _ => {
                let most = if self.has_quota { 1 } else { 8 };
                let count = if self.rng.bool() { 1 } else { self.rng.usize(1..=most) };
                let mut requests = Vec::with_capacity(count);
                while requests.len() < count {
                    let request = self.request();
                    if is_answered_ahead(&request) && !requests.is_empty() {
                        continue;
                    }
                    requests.push(request);
                    if requests.last().is_some_and(ends_burst) {
                        break;
                    }
                }
                Step::Burst { client, requests }
            }
        }
    }

    fn handshake(&mut self) -> Handshake {
        let timeout_ms = match self.rng.u32(..10) {
            // Long ones only, so that no session expires unasked.
            0 => i32::MAX,
            1 => 400_000,
            _ => 600_000,
        };
        let read_only = self.one(&[None, Some(false), Some(false), Some(true)]);
        let is_ahead = self.rng.u32(..20) == 0;
        let password = match self.rng.u32(..12) {
            0 => Some(vec![1; 16]),
            1 => Some(vec![1; 3]),
            2 => Some(Vec::new()),
            _ => None,
        };
        Handshake { timeout_ms, read_only, is_ahead, password }
    }

    fn request(&mut self) -> Request {
        let mut request = self.whole_request();
        if self.rng.u32(..100) == 0 {
            request.cut = Some(self.rng.usize(..24));
        }
        request
    }

    fn whole_request(&mut self) -> Request {
        let op = match self.rng.u32(..1000) {
            0..180 => return self.create(),
            180..280 => OpCode::Delete,
            280..340 => OpCode::Exists,
            340..420 => OpCode::GetData,
            420..520 => OpCode::SetData,
            520..560 => OpCode::GetAcl,
            560..600 => OpCode::SetAcl,
            600..650 => self.one(&[OpCode::GetChildren, OpCode::GetChildren2]),
            650..660 => OpCode::Sync,
            660..740 => return self.multi(),
            740..770 => return self.multi_read(),
            770..820 => OpCode::AddWatch,
            820..850 => OpCode::RemoveWatches,
            850..870 => OpCode::CheckWatches,
            870..890 => self.one(&[OpCode::SetWatches, OpCode::SetWatches2]),
            890..910 => OpCode::GetEphemerals,
            910..930 => OpCode::GetAllChildrenNumber,
            930..950 => OpCode::WhoAmI,
            950..970 => OpCode::Auth,
            970..978 => OpCode::Ping,
            978..984 => OpCode::CloseSession,
            984..988 => OpCode::Reconfig,
            988..990 => OpCode::Check,
            990..994 => {
                let op = self.one(&UNKNOWN_OPS);
                return Request { op, fields: vec![self.garbage()], cut: None };
            }
            _ => {
                let op = self.one(&[OpCode::Create, OpCode::GetData, OpCode::Multi]);
                return Request::new(op, vec![self.garbage()]);
            }
        };
        Request::new(op, self.fields(op))
    }

    fn fields(&mut self, op: OpCode) -> Vec<Field> {
        match op {
            OpCode::Delete => vec![self.quota_path(), self.version()],
            OpCode::Check => vec![self.path(), self.version()],
            OpCode::Exists | OpCode::GetData | OpCode::GetChildren | OpCode::GetChildren2 => {
                vec![self.quota_path(), Field::Bool(self.rng.bool())]
            }
            OpCode::SetData => vec![self.path(), self.data(), self.version()],
            OpCode::SetAcl => vec![self.path(), self.acl(), self.version()],
            OpCode::AddWatch => {
                let mode = self.one(&[0, 0, 0, 1, 1, 1, 2, -1]);
                vec![self.path(), Field::Int(mode)]
            }
            OpCode::RemoveWatches | OpCode::CheckWatches => {
                let kind = self.one(&[1, 2, 3, 4, 5, 1, 2, 3, 0, 6]);
                vec![self.path(), Field::Int(kind)]
            }
            OpCode::SetWatches => {
                let mut fields = vec![self.zxid()];
                fields.extend((0..3).map(|_| self.paths()));
                fields
            }
            OpCode::SetWatches2 => {
                let mut fields = vec![self.zxid()];
                fields.extend((0..5).map(|_| self.paths()));
                fields
            }
            OpCode::Auth => {
                let (scheme, auth) = self.one(&CREDENTIALS);
                let scheme = Field::Text(scheme.to_owned());
                vec![Field::Int(0), scheme, Field::Buffer(Some(auth.to_vec()))]
            }
            OpCode::Reconfig => {
                let text = || Field::Text("server.9=localhost:1:2;3".to_owned());
                vec![text(), Field::Text(String::new()), Field::Text(String::new()), self.zxid()]
            }
            OpCode::WhoAmI | OpCode::Ping | OpCode::CloseSession => Vec::new(),
            OpCode::Sync => vec![Field::Text(self.echoed_path())],
            _ => vec![self.path()],
        }
    }

    fn create(&mut self) -> Request {
        let mut request = self.consistent_create();
        if let Some(Field::Int(flags)) = request.fields.get_mut(3)
            && self.rng.u32(..20) == 0
        {
            *flags = self.one(&[0, 4, 5, 6]);
        }
        request
    }

    fn consistent_create(&mut self) -> Request {
        match self.rng.u32(..20) {
            0 | 1 => {
                let flags = self.one(&[4, 4, 4, 7]);
                let mut fields = vec![self.path(), self.data(), self.acl()];
                fields.push(Field::Int(flags));
                Request::new(OpCode::CreateContainer, fields)
            }
            2 | 3 => {
                let flags = self.one(&[5, 6, 5, 6, 7, -1]);
                let ttl = self.one(&[1, 600_000, 600_000, 0, -1, (1 << 40) - 1, 1 << 40]);
                let mut fields = vec![self.path(), self.data(), self.acl()];
                fields.extend([Field::Int(flags), Field::Long(ttl)]);
                Request::new(OpCode::CreateTtl, fields)
            }
            _ => {
                let op = self.one(&[OpCode::Create, OpCode::Create2]);
                let flags = self.one(&[0, 0, 0, 0, 1, 1, 2, 3, 7, -1]);
                let mut fields = vec![self.path(), self.data(), self.acl()];
                fields.push(Field::Int(flags));
                Request::new(op, fields)
            }
        }
    }

    fn multi(&mut self) -> Request {
        let count = if self.has_quota { 1 } else { self.rng.usize(..6) };
        let mut part = || match self.rng.u32(..20) {
            0..9 => self.create(),
            9..12 => Request::new(OpCode::Delete, self.fields(OpCode::Delete)),
            12..16 => Request::new(OpCode::SetData, self.fields(OpCode::SetData)),
            16..19 => Request::new(OpCode::Check, self.fields(OpCode::Check)),
            _ => {
                let op = self.one(&[OpCode::GetData, OpCode::SetAcl, OpCode::Sync]);
                Request::new(op, self.fields(op))
            }
        };
        let parts = (0..count).map(|_| part()).collect();
        Request::new(OpCode::Multi, vec![Field::Parts(parts)])
    }

    fn multi_read(&mut self) -> Request {
        let count = self.rng.usize(..4);
        let mut part = || {
            let op = match self.rng.u32(..12) {
                0 => OpCode::Delete,
                1..7 => OpCode::GetData,
                _ => OpCode::GetChildren,
            };
            Request::new(op, self.fields(op))
        };
        let parts = (0..count).map(|_| part()).collect();
        Request::new(OpCode::MultiRead, vec![Field::Parts(parts)])
    }

    /// The nodes of a quota, as zkCli makes them.
    fn quota(&mut self) -> Vec<Step> {
        let limits = self.one(&[
            "count=3,bytes=10",
            "count=-1,bytes=-1=;byteHardLimit=12",
            "count=2,bytes=-1=;byteHardLimit=30;countHardLimit=5",
        ]);
        let nodes = [
            ("~/a", ""),
            ("/zookeeper/quota~/a", ""),
            ("/zookeeper/quota~/a/zookeeper_limits", limits),
            ("/zookeeper/quota~/a/zookeeper_stats", "count=0,bytes=0"),
        ];
        let create = |(path, data): (&str, &str)| {
            let acl = Field::open_acl();
            let data = Field::Buffer(Some(data.as_bytes().to_vec()));
            let fields = vec![Field::Text(path.to_owned()), data, acl, Field::Int(0)];
            Step::Burst { client: 0, requests: vec![Request::new(OpCode::Create, fields)] }
        };
        nodes.into_iter().map(create).collect()
    }

    fn path(&mut self) -> Field {
        Field::Text(self.path_text())
    }

    /// Now and then one of the quota's nodes. COMPAT: "text in `zookeeper_stats`": nobody writes
    /// into them.
    fn quota_path(&mut self) -> Field {
        if self.has_quota && self.rng.u32(..12) == 0 {
            let name = self.one(&["", "/zookeeper_limits", "/zookeeper_stats"]);
            return Field::Text(format!("/zookeeper/quota~/a{name}"));
        }
        self.path()
    }

    fn path_text(&mut self) -> String {
        if self.rng.u32(..25) == 0 {
            return self.one(&ODD_PATHS).to_owned();
        }
        let depth = self.one(&[1, 1, 1, 2, 2, 3]);
        let mut path = "~".to_owned();
        for _ in 0..depth {
            path.push('/');
            path.push_str(self.one(&NAMES));
        }
        if self.rng.u32(..12) == 0 {
            path.push_str(&format!("{:010}", self.rng.u32(..6)));
        }
        path
    }

    fn paths(&mut self) -> Field {
        let count = self.rng.usize(..4);
        Field::Texts((0..count).map(|_| self.echoed_path()).collect())
    }

    /// One that the server says back. COMPAT: "characters beyond the first 65,536".
    fn echoed_path(&mut self) -> String {
        loop {
            let path = self.path_text();
            if path.chars().all(|character| u32::from(character) < 0x1_0000) {
                return path;
            }
        }
    }

    fn data(&mut self) -> Field {
        match self.rng.u32(..10) {
            0 => Field::Buffer(None),
            1 => Field::Buffer(Some(Vec::new())),
            _ => {
                let length = self.rng.usize(1..8);
                Field::Buffer(Some((0..length).map(|_| self.rng.alphanumeric() as u8).collect()))
            }
        }
    }

    fn acl(&mut self) -> Field {
        if self.rng.u32(..4) > 0 {
            return Field::open_acl();
        }
        if self.rng.u32(..16) == 0 {
            return Field::Acl(None);
        }
        let count = self.rng.usize(..4);
        let mut entry = || {
            let perms = self.one(&[31, 31, 1, 2, 4, 8, 16, 0, 15, 32, -1]);
            let (scheme, id) = self.one(&SCHEMES);
            (perms, scheme.to_owned(), id.to_owned())
        };
        Field::Acl(Some((0..count).map(|_| entry()).collect()))
    }

    fn version(&mut self) -> Field {
        Field::Int(self.one(&[-1, -1, -1, -1, 0, 0, 1, 2, -2, i32::MAX, i32::MIN]))
    }

    fn zxid(&mut self) -> Field {
        Field::Zxid(self.rng.i64(0..60))
    }

    fn garbage(&mut self) -> Field {
        let length = self.rng.usize(..40);
        Field::Raw((0..length).map(|_| self.rng.u8(..)).collect())
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }
}

/// ZooKeeper answers these ahead of what waits before them, our server in their turn (see
/// `server/COMPAT.md`).
fn is_answered_ahead(request: &Request) -> bool {
    let op = OpCode::from_i32(request.op);
    op.is_none_or(|op| {
        use OpCode::{Auth, Check, CreateSession, DeleteContainer};
        matches!(op, Auth | Check | CreateSession | DeleteContainer)
    })
}

/// Whether nothing is to be sent behind a request before it is answered: the connection may end
/// there.
fn ends_burst(request: &Request) -> bool {
    match OpCode::from_i32(request.op) {
        None => true,
        Some(op) => {
            use OpCode::{Auth, Check, CloseSession, CreateSession, DeleteContainer};
            matches!(op, Auth | Check | CloseSession | CreateSession | DeleteContainer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_program() {
        assert_eq!(generate(3, 200), generate(3, 200));
        assert_ne!(generate(3, 200), generate(4, 200));
        assert_eq!(generate(5, 200).steps.len(), 200);
    }

    #[test]
    fn a_program_survives_its_file() {
        let program = generate(7, 300);
        let text = serde_json::to_string(&program).unwrap();
        assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), program);
    }
}
