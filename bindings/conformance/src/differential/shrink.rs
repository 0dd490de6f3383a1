//! The smallest program that still differs.

use super::program::{Field, Handshake, Program, Request, Step};

/// Takes away from a program whatever can go while `differs` still says yes. `differs` is asked
/// `budget` times at most.
pub fn shrink(
    program: Program,
    mut budget: usize,
    differs: &mut dyn FnMut(&Program) -> bool,
) -> Program {
    let mut ask = |candidate: &Program| {
        budget = budget.saturating_sub(1);
        budget > 0 && differs(candidate)
    };
    let mut best = program;
    loop {
        let before = size(&best);
        best = fewer_steps(best, &mut ask);
        best = fewer_requests(best, &mut ask);
        if size(&best) == before {
            break;
        }
    }
    let best = plainer_handshakes(best, &mut ask);
    plainer_fields(best, &mut ask)
}

fn size(program: &Program) -> usize {
    program.steps.iter().map(|step| 1 + requests(step).map_or(0, |list| weight(list))).sum()
}

fn weight(requests: &[Request]) -> usize {
    let parts = |field: &Field| match field {
        Field::Parts(parts) => weight(parts),
        _ => 0,
    };
    requests.iter().map(|request| 1 + request.fields.iter().map(parts).sum::<usize>()).sum()
}

fn requests(step: &Step) -> Option<&Vec<Request>> {
    match step {
        Step::Burst { requests, .. } => Some(requests),
        _ => None,
    }
}

/// Takes out runs of steps, long ones first.
fn fewer_steps(mut best: Program, ask: &mut dyn FnMut(&Program) -> bool) -> Program {
    let mut run = best.steps.len() / 2;
    while run > 0 {
        let mut at = 0;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            candidate.steps.drain(at..(at + run).min(best.steps.len()));
            match ask(&candidate) {
                true => best = candidate,
                false => at += run,
            }
        }
        run /= 2;
    }
    best
}

/// Takes single requests out of bursts, and single parts out of multis.
fn fewer_requests(mut best: Program, ask: &mut dyn FnMut(&Program) -> bool) -> Program {
    for step in 0..best.steps.len() {
        let mut at = 0;
        while let Some(count) = requests(&best.steps[step]).map(Vec::len)
            && at < count
        {
            let mut candidate = best.clone();
            if let Step::Burst { requests, .. } = &mut candidate.steps[step] {
                requests.remove(at);
            }
            if count > 1 && ask(&candidate) {
                best = candidate;
                continue;
            }
            best = fewer_parts(best, (step, at), ask);
            at += 1;
        }
    }
    best
}

fn fewer_parts(
    mut best: Program,
    (step, request): (usize, usize),
    ask: &mut dyn FnMut(&Program) -> bool,
) -> Program {
    let mut at = 0;
    loop {
        let mut candidate = best.clone();
        let Some(parts) = parts_of(&mut candidate, step, request) else { return best };
        if at >= parts.len() {
            return best;
        }
        parts.remove(at);
        match ask(&candidate) {
            true => best = candidate,
            false => at += 1,
        }
    }
}

fn parts_of(program: &mut Program, step: usize, request: usize) -> Option<&mut Vec<Request>> {
    let Step::Burst { requests, .. } = &mut program.steps[step] else { return None };
    requests.get_mut(request)?.fields.iter_mut().find_map(|field| match field {
        Field::Parts(parts) => Some(parts),
        _ => None,
    })
}

fn plainer_handshakes(mut best: Program, ask: &mut dyn FnMut(&Program) -> bool) -> Program {
    let plain = Handshake { timeout_ms: 600_000, ..Handshake::default() };
    for step in 0..best.steps.len() {
        let mut candidate = best.clone();
        if let Step::Open { handshake, .. } | Step::Attach { handshake, .. } =
            &mut candidate.steps[step]
            && *handshake != plain
        {
            *handshake = plain.clone();
            if ask(&candidate) {
                best = candidate;
            }
        }
    }
    best
}

/// Puts the plainest value that will do into each field of each request, also within multis.
fn plainer_fields(mut best: Program, ask: &mut dyn FnMut(&Program) -> bool) -> Program {
    for step in 0..best.steps.len() {
        let count = requests(&best.steps[step]).map_or(0, Vec::len);
        for request in 0..count {
            for field in 0.. {
                let Some(value) = fields(&mut best, step, request).nth(field).cloned() else {
                    break;
                };
                for plain in plainer(&value) {
                    let mut candidate = best.clone();
                    if let Some(place) = fields(&mut candidate, step, request).nth(field) {
                        *place = plain;
                    }
                    if ask(&candidate) {
                        best = candidate;
                        break;
                    }
                }
            }
        }
    }
    best
}

/// The fields of a request that have no parts, those of its parts among them.
fn fields(
    program: &mut Program,
    step: usize,
    request: usize,
) -> Box<dyn Iterator<Item = &mut Field> + '_> {
    let Step::Burst { requests, .. } = &mut program.steps[step] else {
        return Box::new(std::iter::empty());
    };
    let fields = requests.get_mut(request).into_iter().flat_map(|request| &mut request.fields);
    Box::new(fields.flat_map(|field| -> Box<dyn Iterator<Item = &mut Field>> {
        match field {
            Field::Parts(parts) => Box::new(parts.iter_mut().flat_map(|part| &mut part.fields)),
            field => Box::new(std::iter::once(field)),
        }
    }))
}

/// Values to try in a field's place, the plainest first.
fn plainer(field: &Field) -> Vec<Field> {
    let candidates = match field {
        Field::Int(_) => vec![Field::Int(0), Field::Int(-1), Field::Int(1)],
        Field::Long(_) => vec![Field::Long(0), Field::Long(1)],
        Field::Zxid(_) => vec![Field::Zxid(0)],
        Field::Bool(_) => vec![Field::Bool(false)],
        Field::Text(_) => {
            ["~", "~/a", "~/b"].iter().map(|path| Field::Text((*path).to_owned())).collect()
        }
        Field::Texts(texts) => {
            let without = |at: usize| {
                let mut fewer = texts.clone();
                fewer.remove(at);
                Field::Texts(fewer)
            };
            std::iter::once(Field::Texts(Vec::new())).chain((0..texts.len()).map(without)).collect()
        }
        Field::Buffer(_) => vec![Field::Buffer(None), Field::Buffer(Some(Vec::new()))],
        Field::Acl(_) => vec![Field::open_acl()],
        Field::Raw(_) => vec![Field::Raw(Vec::new())],
        Field::Parts(_) => Vec::new(),
    };
    candidates.into_iter().take_while(|candidate| candidate != field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_the_difference_is_left() {
        let request = |op| Request { op, ..Request::default() };
        let burst = |ops: &[i32]| Step::Burst {
            client: 0,
            requests: ops.iter().map(|op| request(*op)).collect(),
        };
        let steps = (0..100).map(|number| burst(&[number, number + 1000])).collect();
        let program = Program { clients: 1, steps };
        let has = |program: &Program, op: i32| {
            let mut all = program.steps.iter().filter_map(requests).flatten();
            all.any(|request| request.op == op)
        };
        let small = shrink(program, 10_000, &mut |p| has(p, 17) && has(p, 1060));
        assert_eq!(small.steps, [burst(&[17]), burst(&[1060])]);
    }

    #[test]
    fn arguments_become_plain_unless_they_make_the_difference() {
        let set = |path: &str, data: &[u8], version| Request {
            op: 5,
            fields: vec![
                Field::Text(path.to_owned()),
                Field::Buffer(Some(data.to_vec())),
                Field::Int(version),
            ],
            cut: None,
        };
        let multi = |part| Request { op: 14, fields: vec![Field::Parts(vec![part])], cut: None };
        let program = |requests| Program {
            clients: 1,
            steps: vec![
                Step::Open {
                    client: 0,
                    handshake: Handshake { timeout_ms: 9, ..Handshake::default() },
                },
                Step::Burst { client: 0, requests },
            ],
        };
        let wide = program(vec![multi(set("~/s-/c", b"data", 7))]);
        let small = shrink(wide, 10_000, &mut |candidate| {
            let mut copy = candidate.clone();
            candidate.steps.len() == 2 && fields(&mut copy, 1, 0).any(|f| *f == Field::Int(7))
        });
        let plain = Step::Burst {
            client: 0,
            requests: vec![Request {
                op: 14,
                fields: vec![Field::Parts(vec![Request {
                    op: 5,
                    fields: vec![Field::Text("~".to_owned()), Field::Buffer(None), Field::Int(7)],
                    cut: None,
                }])],
                cut: None,
            }],
        };
        assert_eq!(small.steps[1], plain);
    }
}
