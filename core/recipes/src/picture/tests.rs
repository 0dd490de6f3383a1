//! What a master decides, without a server.

use bytes::Bytes;

use super::*;
use crate::record::TaskHead;
use crate::strategy::{LeastLoaded, RoundRobin};

fn task(n: u32) -> TaskId {
    TaskId::parse(&format!("t-{n:010}")).expect("a task name")
}

fn ready(n: u32, birth: u64) -> Ready {
    Ready {
        task: task(n),
        birth,
        head: Box::new(TaskHead { attempt: 1, ..TaskHead::default() }),
        payload: Bytes::from_static(b"p"),
        version: 0,
        due_in: Duration::ZERO,
        age: Duration::ZERO,
    }
}

fn head(capacity: u32) -> Option<WorkerHead> {
    Some(WorkerHead { capacity, abilities: Vec::new() })
}

fn seat() -> Seat {
    Seat { czxid: 5, limits: Limits::default(), age: Duration::ZERO }
}

/// A picture with these workers, and all tasks `1..=tasks` fetched.
fn picture(workers: &[(&str, u32)], tasks: u32) -> Picture {
    let mut reading = Reading { tasks: (1..=tasks).map(task).collect(), ..Reading::default() };
    for (name, capacity) in workers {
        reading.workers.insert((*name).to_owned(), (1, head(*capacity)));
    }
    let now = Instant::now();
    let mut picture = Picture::begin(reading, &Picture::new(now), now, &mut Vec::new());
    picture.fetch_all(|_| {});
    picture
}

impl Picture {
    /// Answers every fetch, with what `edit` makes of a plain task.
    fn fetch_all(&mut self, edit: impl Fn(&mut Ready)) {
        let mut out = Vec::new();
        self.plan(&LeastLoaded, &mut out);
        for action in out {
            if let Action::Fetch { task, birth } = action {
                let mut one = ready(task.sequence() as u32, birth);
                edit(&mut one);
                self.fetched(&task, birth, Some(one));
            }
        }
    }

    /// A task that comes, and is read at once.
    fn come(&mut self, n: u32, edit: impl Fn(&mut Ready)) {
        self.event(Place::Task(task(n)), EventKind::Created, &mut Vec::new());
        self.fetch_all(edit);
    }

    fn assignments(&mut self) -> Vec<(u64, String, Ready)> {
        let mut out = Vec::new();
        self.plan(&LeastLoaded, &mut out);
        out.into_iter()
            .filter_map(|action| match action {
                Action::Assign { worker, ready } => Some((ready.task.sequence(), worker, ready)),
                _ => None,
            })
            .collect()
    }

    fn given(&mut self) -> Vec<u64> {
        self.assignments().into_iter().map(|(n, _, _)| n).collect()
    }
}

#[test]
fn oldest_first_and_in_proportion_to_capacity() {
    let mut picture = picture(&[("a", 2), ("b", 4)], 10);
    let given = picture.assignments();
    let tasks: Vec<u64> = given.iter().map(|(n, _, _)| *n).collect();
    assert_eq!(tasks, [1, 2, 3, 4, 5, 6]);
    assert_eq!(given.iter().filter(|(_, worker, _)| worker == "b").count(), 4);
    assert!(picture.assignments().is_empty(), "no room is left");
}

#[test]
fn a_completion_makes_room() {
    let mut picture = picture(&[("a", 1)], 2);
    let (_, worker, first) = picture.assignments().remove(0);
    let mut out = Vec::new();
    picture.event(Place::Task(task(1)), EventKind::Deleted, &mut out);
    let place = Place::Assignment(worker.clone(), task(1));
    picture.event(place.clone(), EventKind::Created, &mut out);
    picture.assign_ended(&worker, first, None, &mut out);
    assert!(picture.assignments().is_empty());
    picture.event(Place::Result(task(1)), EventKind::Created, &mut out);
    picture.event(place, EventKind::Deleted, &mut out);
    let done = Notice::Completed { task: task(1), worker: "a".into() };
    assert!(out.contains(&Action::Tell(done)));
    assert_eq!(picture.assignments()[0].0, 2);
}

#[test]
fn the_tasks_of_a_vanished_worker_are_rescued() {
    let mut picture = picture(&[("a", 2)], 2);
    let mut out = Vec::new();
    for (n, worker, ready) in picture.assignments() {
        let n = n as u32;
        picture.event(Place::Task(task(n)), EventKind::Deleted, &mut out);
        picture.event(Place::Assignment(worker.clone(), task(n)), EventKind::Created, &mut out);
        picture.assign_ended(&worker, ready, None, &mut out);
    }
    out.clear();
    picture.event(Place::Worker("a".into()), EventKind::Deleted, &mut out);
    let rescue = |n| Action::Rescue { worker: "a".into(), task: task(n) };
    assert_eq!(out, [Action::Tell(Notice::WorkerLeft("a".into())), rescue(1), rescue(2)]);
    // Back under the same name: a new life that is given nothing of the old one.
    picture.event(Place::Worker("a".into()), EventKind::Created, &mut out);
    picture.worker_read("a", head(2), &mut out);
    picture.event(Place::Assignment("a".into(), task(1)), EventKind::Deleted, &mut out);
    picture.event(Place::Task(task(1)), EventKind::Created, &mut out);
    picture.fetch_all(|_| {});
    assert_eq!(picture.assignments()[0].0, 1);
}

#[test]
fn a_payload_read_before_the_task_came_back_is_not_used() {
    let mut picture = picture(&[("a", 1)], 0);
    let mut out = Vec::new();
    picture.event(Place::Task(task(1)), EventKind::Created, &mut out);
    picture.plan(&LeastLoaded, &mut out);
    assert_eq!(out, [Action::Fetch { task: task(1), birth: 1 }]);
    picture.event(Place::Task(task(1)), EventKind::Deleted, &mut out);
    picture.event(Place::Task(task(1)), EventKind::Created, &mut out);
    picture.fetched(&task(1), 1, Some(ready(1, 1)));
    assert!(picture.assignments().is_empty());
}

#[test]
fn a_new_reading_tells_only_the_difference() {
    let mut before = picture(&[("a", 2), ("b", 2)], 0);
    for (worker, n) in [("a", 1), ("a", 2), ("b", 3)] {
        before.sit(worker.into(), task(n));
    }
    let workers = [("a", 1), ("c", 9)].map(|(name, czxid)| (name.to_owned(), (czxid, head(2))));
    let reading = Reading {
        tasks: vec![task(9)],
        workers: workers.into_iter().collect(),
        assignments: vec![("a".into(), task(1), Some(seat())), ("c".into(), task(4), Some(seat()))],
        ..Reading::default()
    };
    let mut out = Vec::new();
    let after = Picture::begin(reading, &before, Instant::now(), &mut out);
    let inquire = |w: &str, n| Action::Inquire { worker: w.into(), task: task(n) };
    assert!(out.contains(&inquire("a", 2)) && out.contains(&inquire("b", 3)));
    assert!(out.contains(&Action::Tell(Notice::WorkerJoined("c".into()))));
    assert!(out.contains(&Action::Tell(Notice::WorkerLeft("b".into()))));
    // c registered after task 4 was given to its earlier life.
    assert!(out.contains(&Action::Rescue { worker: "c".into(), task: task(4) }));
    assert_eq!(out.len(), 5);
    assert_eq!(after.owners.len(), 1);
}

#[test]
fn events_that_overlap_a_reading_tell_nothing_twice() {
    let mut before = picture(&[("a", 4)], 0);
    before.sit("a".into(), task(1));
    let workers = [("a".to_owned(), (1, head(4)))];
    let reading = Reading {
        workers: workers.into_iter().collect(),
        // Task 3 was completed while the tree was read.
        assignments: vec![("a".into(), task(2), Some(seat())), ("a".into(), task(3), None)],
        ..Reading::default()
    };
    let mut picture = Picture::begin(reading, &before, Instant::now(), &mut Vec::new());
    let mut out = Vec::new();
    let assignment = |n| Place::Assignment("a".into(), task(n));
    picture.event(Place::Worker("a".into()), EventKind::Created, &mut out);
    picture.event(assignment(2), EventKind::Created, &mut out);
    picture.event(Place::Result(task(1)), EventKind::Created, &mut out);
    picture.event(Place::Result(task(3)), EventKind::Created, &mut out);
    picture.event(assignment(3), EventKind::Deleted, &mut out);
    let completed = Notice::Completed { task: task(3), worker: "a".into() };
    let read = Action::ReadWorker { worker: "a".into() };
    assert_eq!(out, [read, Action::Tell(completed)]);
    assert_eq!(picture.crew.members["a"].load(), 1);
}

#[test]
fn a_missed_assignment_is_made_again() {
    let mut picture = picture(&[("a", 1), ("b", 0)], 1);
    let (_, worker, ready) = picture.assignments().remove(0);
    picture.event(Place::Worker(worker.clone()), EventKind::Deleted, &mut Vec::new());
    picture.assign_ended(&worker, ready, Some(Miss::Worker), &mut Vec::new());
    assert!(picture.assignments().is_empty());
    picture.worker_read("b", head(1), &mut Vec::new());
    assert_eq!(picture.assignments()[0].1, "b");
}

#[test]
fn priority_goes_before_age() {
    let mut picture = picture(&[("a", 9)], 0);
    picture.is_paused = true;
    for (n, priority) in [(1, 0), (2, 5), (3, -1), (4, 5)] {
        picture.come(n, |ready| ready.head.priority = priority);
    }
    assert!(picture.given().is_empty(), "nothing is given while it is paused");
    picture.event(Place::Paused, EventKind::Deleted, &mut Vec::new());
    assert_eq!(picture.given(), [2, 4, 1, 3]);
}

#[test]
fn a_delayed_task_is_held_back_until_it_is_due() {
    let mut picture = picture(&[("a", 9)], 0);
    let start = picture.now;
    picture.come(1, |ready| ready.due_in = Duration::from_secs(5));
    picture.come(2, |_| {});
    assert_eq!(picture.given(), [2]);
    let due = start + Duration::from_secs(5);
    assert_eq!(picture.next_timer(), Some(due));
    let mut out = Vec::new();
    picture.advance(due - Duration::from_millis(1), &mut out);
    picture.fetch_all(|_| {});
    assert!(picture.given().is_empty());
    picture.advance(due, &mut out);
    assert_eq!(picture.next_timer(), None);
    // It is read once more: its payload was not kept.
    picture.fetch_all(|_| {});
    assert_eq!(picture.given(), [1]);
    assert!(out.is_empty());
}

#[test]
fn a_task_waits_for_somebody_who_can_do_it_and_the_others_pass() {
    let mut picture = picture(&[("a", 9)], 0);
    picture.come(1, |ready| ready.head.needs = vec!["gpu".into()]);
    picture.come(2, |_| {});
    assert_eq!(picture.given(), [2]);
    let able = WorkerHead { capacity: 1, abilities: vec!["cpu".into(), "gpu".into()] };
    picture.event(Place::Worker("b".into()), EventKind::Created, &mut Vec::new());
    picture.worker_read("b", Some(able), &mut Vec::new());
    let (n, worker, _) = picture.assignments().remove(0);
    assert_eq!((n, worker.as_str()), (1, "b"));
}

#[test]
fn a_task_that_nobody_takes_in_time_is_given_up() {
    let mut picture = picture(&[], 0);
    let start = picture.now;
    picture.come(1, |ready| ready.head.limits.start = 2_000);
    picture.come(2, |ready| {
        ready.head.limits.start = 2_000;
        ready.due_in = Duration::from_secs(2);
    });
    let mut out = Vec::new();
    picture.advance(start + Duration::from_secs(2), &mut out);
    assert_eq!(out, [Action::Bury { task: task(1), birth: 1 }]);
    picture.event(Place::Task(task(1)), EventKind::Deleted, &mut Vec::new());
    assert_eq!(picture.next_timer(), Some(start + Duration::from_secs(4)));
}

#[test]
fn a_late_worker_loses_its_task_and_progress_keeps_it() {
    let mut picture = picture(&[("a", 9)], 0);
    let start = picture.now;
    let mut out = Vec::new();
    picture.come(1, |ready| ready.head.limits.beat = 1_000);
    for (_, worker, ready) in picture.assignments() {
        picture.event(Place::Assignment(worker.clone(), task(1)), EventKind::Created, &mut out);
        picture.event(Place::Task(task(1)), EventKind::Deleted, &mut out);
        picture.assign_ended(&worker, ready, None, &mut out);
    }
    out.clear();
    picture.advance(start + Duration::from_millis(600), &mut out);
    picture.event(Place::Progress(task(1)), EventKind::DataChanged, &mut out);
    picture.advance(start + Duration::from_millis(1_200), &mut out);
    assert!(out.is_empty());
    picture.advance(start + Duration::from_millis(1_600), &mut out);
    let reason = "no sign of progress for 1000 ms".to_owned();
    assert_eq!(out, [Action::TakeBack(Late { task: task(1), worker: "a".into(), reason })]);
}

#[test]
fn what_somebody_else_gave_out_has_its_deadline_too() {
    let mut picture = picture(&[("a", 0)], 0);
    let mut out = Vec::new();
    picture.event(Place::Assignment("a".into(), task(1)), EventKind::Created, &mut out);
    assert!(out.contains(&Action::ReadAssignment { worker: "a".into(), task: task(1) }));
    let limits = Limits { close: 1_000, ..Limits::default() };
    picture.assignment_read("a", &task(1), limits);
    assert!(picture.next_timer().is_some());
    picture.event(Place::Assignment("a".into(), task(1)), EventKind::Deleted, &mut out);
    assert_eq!(picture.next_timer(), None);
}

#[test]
fn the_strategy_decides() {
    let mut picture = picture(&[("a", 9), ("b", 9), ("c", 9)], 6);
    let workers = |out: Vec<Action>| -> String {
        let given = out.into_iter().filter_map(|action| match action {
            Action::Assign { worker, .. } => Some(worker),
            _ => None,
        });
        given.collect()
    };
    let mut out = Vec::new();
    picture.plan(&RoundRobin::default(), &mut out);
    assert_eq!(workers(out), "abcabc");
}

#[test]
fn of_many_large_tasks_only_the_first_are_kept_in_hand() {
    let mut picture = picture(&[], 0);
    let large = Bytes::from(vec![0; READY_BYTES / 4]);
    for n in 1..=8 {
        picture.come(n, |ready| ready.payload = large.clone());
    }
    picture.come(9, |ready| {
        ready.head.priority = 1;
        ready.payload = large.clone();
    });
    picture.event(Place::Worker("a".into()), EventKind::Created, &mut Vec::new());
    picture.worker_read("a", head(9), &mut Vec::new());
    let mut order = Vec::new();
    while order.len() < 9 {
        let mut out = Vec::new();
        picture.plan(&LeastLoaded, &mut out);
        assert!(!out.is_empty(), "{order:?}");
        for action in out {
            match action {
                Action::Assign { ready, .. } => order.push(ready.task.sequence()),
                Action::Fetch { task, birth } => {
                    let mut one = ready(task.sequence() as u32, birth);
                    one.head.priority = i32::from(one.task == self::task(9));
                    one.payload = large.clone();
                    picture.fetched(&task, birth, Some(one));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(order, [9, 1, 2, 3, 4, 5, 6, 7, 8]);
}
