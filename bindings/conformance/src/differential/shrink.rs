//! The smallest program that still differs.

use super::program::{Field, Program, Request, Step};

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
            return best;
        }
    }
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
}
