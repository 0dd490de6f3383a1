//! Leader election on a real server, also over broken connections.

mod fleet;

use bytes::Bytes;
use fleet::{CREATES, Fleet, children, connect, expired};
use pinfold_recipes::LeaderElection;

#[tokio::test]
async fn the_lead_goes_from_one_to_the_next() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let (a, b) = (fleet.client().await, fleet.client().await);
    let first = LeaderElection::new(a, &path);
    let second = LeaderElection::new(b.clone(), &path);
    assert_eq!(second.leader().await.expect("no leader"), None);

    let lead = first.campaign(Bytes::from_static(b"A")).await.expect("A leads");
    assert!(lead.is_held());
    let seen = second.leader().await.expect("read").expect("a leader");
    assert_eq!((seen.data.as_ref(), seen.token), (&b"A"[..], lead.token()));

    let waiting = tokio::spawn(async move { second.campaign(Bytes::from_static(b"B")).await });
    let (token, check) = (lead.token(), lead.check());
    lead.resign().await.expect("resigned");
    let lead = waiting.await.expect("joined").expect("B leads");
    assert!(lead.token() > token, "the fencing token grows");

    let refused = b.multi(vec![check]).await.expect_err("A's check is refused");
    assert_eq!((refused.code(), refused.op_index()), (-101, Some(0)));
    b.multi(vec![lead.check()]).await.expect("B's check is taken");
}

#[tokio::test]
async fn a_withdrawn_candidate_is_gone() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let client = fleet.client().await;
    let election = LeaderElection::new(client.clone(), &path);
    let lead = election.campaign(Bytes::new()).await.expect("leads");
    let mut seen = election.observe();
    let first = seen.next().await.flatten().expect("the leader");
    assert_eq!(first.token, lead.token());

    let rival = LeaderElection::new(client.clone(), &path);
    tokio::select! {
        _ = rival.campaign(Bytes::new()) => panic!("two leaders"),
        // The rival waits once its candidate is there.
        () = async { while children(&client, &path).await.len() < 2 {} } => {}
    }
    drop(lead);
    // Nobody is left: the one was dropped, the other withdrawn.
    while seen.next().await.expect("observed").is_some() {}
    assert_eq!(election.leader().await.expect("read"), None);
}

#[tokio::test]
async fn a_create_with_a_lost_reply_is_found_again() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let direct = fleet.client().await;
    let warm = LeaderElection::new(direct.clone(), &path);
    warm.campaign(Bytes::new()).await.expect("leads").resign().await.expect("resigned");

    let proxy = fleet.proxy().await;
    let client = connect(&proxy.hosts).await;
    proxy.cut_after(CREATES);
    let lead = LeaderElection::new(client, &path).campaign(Bytes::new()).await.expect("leads");
    assert!(proxy.was_cut());
    let names = children(&direct, &path).await;
    assert_eq!(names.len(), 1, "one campaign has one candidate: {names:?}");
    assert!(lead.path().ends_with(&names[0]));
    assert!(lead.is_held());
}

#[tokio::test]
async fn leading_ends_before_another_can_lead() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let proxy = fleet.proxy().await;
    let (a, b) = (connect(&proxy.hosts).await, fleet.client().await);
    let lead = LeaderElection::new(a.clone(), &path).campaign(Bytes::new()).await.expect("leads");
    proxy.silence();
    let next = LeaderElection::new(b, &path);
    let (next, reason) = tokio::join!(next.campaign(Bytes::new()), lead.lost());
    assert!(!lead.is_held(), "{reason}");
    assert!(next.expect("the other leads").token() > lead.token());
    proxy.open();
    expired(&a).await;
    let error = a.multi(vec![lead.check()]).await.expect_err("the session is over");
    assert_eq!(error.name(), "SESSION_EXPIRED");
}

#[tokio::test]
async fn a_broken_connection_is_not_the_end_of_leading() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let proxy = fleet.proxy().await;
    let client = connect(&proxy.hosts).await;
    let election = LeaderElection::new(client.clone(), &path);
    let lead = election.campaign(Bytes::new()).await.expect("leads");
    let mut states = client.states();
    states.mark_unchanged();
    proxy.close();
    states.changed().await.expect("suspended");
    proxy.open();
    states.wait_for(|state| state.is_connected()).await.expect("attached again");
    assert!(lead.is_held());
    client.multi(vec![lead.check()]).await.expect("still ours");
}

#[tokio::test]
async fn a_removed_candidate_leads_no_more() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let (a, b) = (fleet.client().await, fleet.client().await);
    let lead = LeaderElection::new(a, &path).campaign(Bytes::new()).await.expect("leads");
    b.delete(lead.path(), -1).await.expect("deleted by an operator");
    assert_eq!(lead.lost().await, format!("{} was removed", lead.path()));
    assert!(!lead.is_held());
}

#[tokio::test]
async fn the_highest_priority_is_chosen_first() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let client = fleet.client().await;
    let election = LeaderElection::new(client.clone(), &path);
    let lead = election.clone().with_priority(1).campaign(Bytes::from("first")).await.unwrap();
    let room = format!("{path}/waiting");
    let mut waiting = Vec::new();
    for (priority, name) in [(5, "low"), (7, "high"), (7, "later")] {
        let election = LeaderElection::new(fleet.client().await, &path).with_priority(priority);
        waiting.push(tokio::spawn(async move { election.campaign(Bytes::from(name)).await }));
        let count = waiting.len();
        while client.get_children(&room).await.map_or(0, |(names, _)| names.len()) < count {}
    }
    let candidates = election.candidates().await.unwrap();
    let shown: Vec<_> = candidates.iter().map(|one| (&one.data[..], one.holds)).collect();
    let expected = [("first", true), ("high", false), ("later", false), ("low", false)];
    assert_eq!(shown, expected.map(|(name, holds)| (name.as_bytes(), holds)));
    let mut token = lead.token();
    lead.resign().await.unwrap();
    let low = waiting.remove(0);
    for (name, next) in ["high", "later", "low"].into_iter().zip(waiting.into_iter().chain([low])) {
        let lead = next.await.unwrap().unwrap();
        assert!(lead.is_held() && lead.token() > token);
        assert_eq!(election.leader().await.unwrap().unwrap().data, name);
        token = lead.token();
        lead.resign().await.unwrap();
    }
    assert!(election.candidates().await.unwrap().is_empty());
    let kazoo = election.clone().with_layout(pinfold_recipes::ElectionLayout::Kazoo);
    assert!(kazoo.with_priority(1).campaign(Bytes::new()).await.is_err());
    assert!(election.with_priority(1_000).campaign(Bytes::new()).await.is_err());
}

#[tokio::test]
async fn terms_go_on_after_the_session() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let (direct, proxy) = (fleet.client().await, fleet.proxy().await);
    let client = connect(&proxy.hosts).await;
    let mut terms = LeaderElection::new(client.clone(), &path).terms("A");
    let first = terms.next().await.unwrap();
    let token = first.token();
    // A candidate that somebody removes stands again.
    direct.delete(first.path(), -1).await.unwrap();
    first.lost().await;
    drop(first);
    let second = terms.next().await.unwrap();
    assert!(second.token() > token);
    proxy.silence();
    second.lost().await;
    while direct.exists(second.path()).await.unwrap().is_some() {}
    proxy.open();
    drop(second);
    let third = terms.next().await.unwrap();
    assert_ne!(terms.client().session(), client.session());
    assert_eq!(children(&direct, &path).await.len(), 1);
    third.resign().await.unwrap();
    // A client that was closed is not renewed.
    direct.close().await.unwrap();
    let mut ended = LeaderElection::new(direct, &path).terms("A");
    assert_eq!(ended.next().await.unwrap_err().name(), "CLOSED");
}

#[tokio::test]
async fn work_is_done_again_in_the_next_term() {
    let fleet = Fleet::start();
    let path = fleet.root("election");
    let (client, other) = (fleet.client().await, fleet.client().await);
    let election = LeaderElection::new(client, &path);
    let mut begun = 0;
    let done = election.lead("A", async |term| {
        begun += 1;
        if begun == 1 {
            other.delete(term.path(), -1).await.unwrap();
            std::future::pending::<()>().await;
        }
        begun
    });
    assert_eq!(done.await.unwrap(), 2);
    assert_eq!(election.leader().await.unwrap(), None);
}
