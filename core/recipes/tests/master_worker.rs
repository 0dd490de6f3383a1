//! Master and workers on a real server, with everything that can happen to them.

mod fleet;

use bytes::Bytes;
use fleet::{Fleet, MULTI, all_results, assigned, connect, echo, elected, expired, master, worker};
use pinfold_recipes::{
    Cause, Master, MasterEvent, MasterOptions, SubmitOptions, TaskQueue, WorkerEvent,
};
use pinfold_server::embedded::Server;

fn payloads(count: u32) -> Vec<Bytes> {
    (0..count).map(|n| Bytes::from(format!("payload {n}"))).collect()
}

#[tokio::test]
async fn every_task_is_done_once() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let master = master(&client, &root, "m1").await;
    elected(&master).await;
    let mut workers = Vec::new();
    for id in ["w1", "w2", "w3"] {
        workers.push(echo(worker(&fleet.client().await, &root, id, 8).await));
    }
    let queue = TaskQueue::new(client, &root);
    let payloads = payloads(300);
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    assert_eq!(all_results(&queue, &tasks).await, payloads);

    let (mut given, mut completed) = (0, 0);
    while completed < 300 {
        match master.next().await.expect("an event") {
            MasterEvent::Assigned { .. } => given += 1,
            MasterEvent::Completed { worker, .. } => {
                assert!(worker.starts_with('w'), "{worker:?}");
                completed += 1;
            }
            MasterEvent::WorkerJoined { worker } => assert!(worker.starts_with('w')),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(given, 300, "each was given once");
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.assigned, counts.done, counts.dead), (0, 0, 300, 0));
    assert_eq!((counts.workers, counts.master.as_deref()), (3, Some(&b"m1"[..])));
    master.stop().await.expect("stopped");
    assert_eq!(queue.counts().await.expect("counts").master, None);
    workers.iter().for_each(|worker| worker.abort());
}

#[tokio::test]
async fn a_backup_goes_on_from_the_tree_alone() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let proxy = fleet.proxy().await;
    let user = fleet.client().await;
    let first = master(&connect(&proxy.hosts).await, &root, "m1").await;
    let token = elected(&first).await;
    let second = master(&fleet.client().await, &root, "m2").await;
    let w1 = worker(&fleet.client().await, &root, "w1", 2).await;
    let queue = TaskQueue::new(user, &root);
    let payloads = payloads(20);
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    let (a, b) = (assigned(&w1).await, assigned(&w1).await);
    // The first master is cut off with two tasks in the worker's hands and the rest waiting.
    proxy.silence();
    w1.complete(&a.task, a.payload).await.expect("committed without a master");
    w1.complete(&b.task, b.payload).await.expect("committed without a master");
    let w1 = echo(w1);
    assert!(elected(&second).await > token);
    assert_eq!(all_results(&queue, &tasks).await, payloads);
    proxy.open();
    loop {
        // It learns that it is deposed, and is a candidate again.
        if let MasterEvent::Deposed { .. } = first.next().await.expect("an event") {
            break;
        }
    }
    second.stop().await.expect("stopped");
    elected(&first).await;
    w1.abort();
}

#[tokio::test]
async fn a_deposed_master_assigns_nothing() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let first = master(&client, &root, "m1").await;
    elected(&first).await;
    let second = master(&fleet.client().await, &root, "m2").await;
    let candidates = format!("{root}/master");
    let mut names = fleet::children(&client, &candidates).await;
    while names.len() < 2 {
        names = fleet::children(&client, &candidates).await;
    }
    names.sort_by_key(|name| name[name.len() - 10..].to_owned());
    client.delete(&format!("{candidates}/{}", names[0]), -1).await.expect("removed by hand");
    elected(&second).await;
    loop {
        if let MasterEvent::Deposed { reason } = first.next().await.expect("an event") {
            assert!(reason.ends_with("was removed"), "{reason}");
            break;
        }
    }
    let w = echo(worker(&fleet.client().await, &root, "w", 4).await);
    let queue = TaskQueue::new(client, &root);
    let payloads = payloads(10);
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    assert_eq!(all_results(&queue, &tasks).await, payloads);
    w.abort();
}

#[tokio::test]
async fn a_task_given_to_another_has_one_result() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let boss = master(&client, &root, "m").await;
    elected(&boss).await;
    let proxy = fleet.proxy().await;
    let cut_off = connect(&proxy.hosts).await;
    let w1 = worker(&cut_off, &root, "w1", 1).await;
    let queue = TaskQueue::new(client.clone(), &root);
    let options = SubmitOptions::default();
    let task = queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted");
    let first = assigned(&w1).await;
    assert_eq!((&first.task, first.attempt), (&task, 1));

    proxy.silence();
    let w2 = worker(&fleet.client().await, &root, "w2", 1).await;
    let second = assigned(&w2).await;
    assert_eq!((&second.task, second.attempt), (&task, 2));
    assert!(second.token > first.token);
    // W1 knew before anybody else could have the task.
    match w1.next().await {
        Some(WorkerEvent::Revoked { task: revoked, token, cause, .. }) => {
            assert_eq!((&revoked, token, cause), (&task, first.token, Cause::Vanished));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(w1.next().await, Some(WorkerEvent::SessionLost));
    w2.complete(&task, Bytes::from_static(b"w2")).await.expect("committed");
    proxy.open();
    expired(&cut_off).await;
    let late = w1.complete(&task, Bytes::from_static(b"w1")).await.expect_err("too late");
    assert_eq!(late.name(), "CLAIM_LOST");
    assert_eq!(w1.next().await, Some(WorkerEvent::SessionRenewed));

    let result = queue.result(&task).await.expect("one result");
    assert_eq!((result.worker.as_str(), result.attempt), ("w2", 2));
    assert_eq!(result.result, Ok(Bytes::from_static(b"w2")));
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.done, counts.assigned, counts.waiting), (1, 0, 0));
    // The renewed worker works.
    let options = SubmitOptions::default();
    w2.stop().await.expect("stopped");
    let task = queue.submit(Bytes::from_static(b"q"), options).await.expect("submitted");
    assert_eq!(assigned(&w1).await.task, task);
    w1.complete(&task, Bytes::new()).await.expect("committed");
}

#[tokio::test]
async fn a_failing_task_ends_as_a_dead_letter() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let options = MasterOptions { max_attempts: 2, ..MasterOptions::new("m") };
    let boss = Master::start(&client, &root, options).await.expect("a master");
    let w = worker(&client, &root, "w", 1).await;
    let queue = TaskQueue::new(client, &root);
    let options = SubmitOptions::default();
    let task = queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted");
    for attempt in 1..=2 {
        let assignment = assigned(&w).await;
        assert_eq!(assignment.attempt, attempt);
        w.fail(&task, format!("failure {attempt}")).await.expect("failed");
    }
    let result = queue.result(&task).await.expect("a dead letter");
    assert_eq!((result.result, result.attempt), (Err("failure 2".to_owned()), 2));
    loop {
        if let MasterEvent::Dead { task: dead, reason } = boss.next().await.expect("an event") {
            assert_eq!((dead, reason.as_str()), (task, "failure 2"));
            break;
        }
    }
    // What is no task record is buried with the reason, and the queue goes on.
    let client = fleet.client().await;
    let path = format!("{root}/tasks/t-9999999999");
    let acl = pinfold_client::Acl::open_unsafe();
    let mode = pinfold_client::CreateMode::Persistent;
    client.create(&path, "junk", mode, &acl).await.expect("created by hand");
    let junk = pinfold_recipes::TaskId::parse("t-9999999999").expect("a name");
    let result = queue.result(&junk).await.expect("a dead letter");
    assert!(result.result.expect_err("dead").starts_with("not a record"));
}

#[tokio::test]
async fn a_vanishing_worker_uses_up_attempts() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let options = MasterOptions { max_attempts: 1, ..MasterOptions::new("m") };
    let boss = Master::start(&client, &root, options).await.expect("a master");
    let proxy = fleet.proxy().await;
    let w = worker(&connect(&proxy.hosts).await, &root, "w", 1).await;
    let queue = TaskQueue::new(client, &root);
    let options = SubmitOptions::default();
    let task = queue.submit(Bytes::from_static(b"p"), options).await.expect("submitted");
    assigned(&w).await;
    proxy.silence();
    let result = queue.result(&task).await.expect("a dead letter");
    assert!(result.result.expect_err("dead").contains("vanished"));
    drop((boss, w));
}

#[tokio::test]
async fn a_stopped_worker_gives_its_tasks_back() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let client = fleet.client().await;
    let boss = master(&client, &root, "m").await;
    let w1 = worker(&client, &root, "w1", 4).await;
    let queue = TaskQueue::new(client.clone(), &root);
    let payloads = payloads(4);
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    for _ in &tasks {
        assigned(&w1).await;
    }
    w1.stop().await.expect("stopped");
    let w2 = worker(&client, &root, "w2", 4).await;
    for _ in &tasks {
        let assignment = assigned(&w2).await;
        assert_eq!(assignment.attempt, 1, "an orderly return does not count");
        w2.complete(&assignment.task, assignment.payload).await.expect("committed");
    }
    assert_eq!(all_results(&queue, &tasks).await, payloads);
    drop(boss);
}

#[tokio::test]
async fn lost_replies_of_master_and_worker_lose_nothing() {
    let fleet = Fleet::start();
    let root = fleet.root("app");
    let (for_master, for_worker) = (fleet.proxy().await, fleet.proxy().await);
    let boss = master(&connect(&for_master.hosts).await, &root, "m").await;
    elected(&boss).await;
    let w = echo(worker(&connect(&for_worker.hosts).await, &root, "w", 8).await);
    let queue = TaskQueue::new(fleet.client().await, &root);
    let payloads = payloads(400);
    let tasks = queue.submit_many(payloads.clone()).await.expect("submitted");
    let mut results = queue.results();
    let mut seen = 0;
    while seen < tasks.len() {
        let one = results.next().await.expect("a result").expect("no error");
        assert!(one.result.is_ok());
        seen += 1;
        match seen {
            50 | 250 => for_master.cut_after(MULTI),
            150 | 350 => for_worker.cut_after(MULTI),
            _ => {}
        }
    }
    assert!(for_master.was_cut() && for_worker.was_cut());
    assert_eq!(all_results(&queue, &tasks).await, payloads);
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.assigned, counts.done, counts.dead), (0, 0, 400, 0));
    w.abort();
}

#[tokio::test]
async fn a_restarted_server_finds_everybody_where_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let serve = |listen: String| {
        Server::builder().data_dir(folder.path()).tick_time_ms(100).listen(&listen).start()
    };
    let server = serve("127.0.0.1:0".to_owned()).expect("a server");
    let address = server.address();
    let mut options = pinfold_client::Options::new(&address);
    options.session_timeout = std::time::Duration::from_secs(4);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(pinfold_client::Client::connect(options.clone()).await.expect("a session"));
    }
    let root = "/app";
    let boss = master(&clients[0], root, "m").await;
    elected(&boss).await;
    let w1 = echo(worker(&clients[1], root, "w1", 8).await);
    let w2 = echo(worker(&clients[2], root, "w2", 8).await);
    let queue = TaskQueue::new(clients[3].clone(), root);
    let payloads = payloads(500);
    let submitting = {
        let (queue, payloads) = (queue.clone(), payloads.clone());
        tokio::spawn(async move { queue.submit_many(payloads).await })
    };
    let mut results = queue.results();
    for _ in 0..100 {
        results.next().await.expect("a result").expect("no error");
    }
    drop(results);
    // stop() waits for its threads: not on a thread that the clients need.
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    stopped.await.expect("joined").expect("stopped");
    let server = serve(address).expect("the same server again");
    let tasks = submitting.await.expect("joined").expect("submitted once");
    assert_eq!(all_results(&queue, &tasks).await, payloads);
    let counts = queue.counts().await.expect("counts");
    assert_eq!((counts.waiting, counts.assigned, counts.done, counts.dead), (0, 0, 500, 0));
    w1.abort();
    w2.abort();
    drop(boss);
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    stopped.await.expect("joined").expect("stopped");
}
