import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.CancelLeadershipException;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.framework.state.ConnectionStateListener;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/**
 * Apache Curator's recipes between two clients, whose sessions are lost on the way.
 *
 * <p>What is printed depends on nothing but the server: every line waits for what it tells.
 */
public final class CuratorStory {
    private static final int SECONDS = 30;

    private final String servers;
    private final CuratorFramework ann;
    private final CuratorFramework bob;

    private CuratorStory(String servers) throws Exception {
        this.servers = servers;
        ann = client(servers);
        bob = client(servers);
    }

    public static void main(String[] arguments) throws Exception {
        CuratorStory story = new CuratorStory(arguments[0]);
        story.framework();
        story.watches();
        story.latch();
        story.selector();
        story.mutex();
        story.readWriteLock();
        story.semaphore();
        story.barriers();
        story.cache();
        story.nodes();
        story.numbers();
        story.queue();
        story.ann.delete().deletingChildrenIfNeeded().forPath("/curator");
        story.ann.close();
        story.bob.close();
        System.out.println("end");
        // Recipes that were interrupted may have left threads that wait.
        System.exit(0);
    }

    private static CuratorFramework client(String servers) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.newClient(
                servers, 20_000, 20_000, new ExponentialBackoffRetry(100, 6));
        client.start();
        if (!client.blockUntilConnected(SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("no connection to " + servers);
        }
        return client;
    }

    private static void say(String text, Object... values) {
        System.out.println(String.format(text, values));
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    /** Waits until it holds; a story that waits in vain says so and ends. */
    private static void await(String what, Condition condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!condition.holds()) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException("waited in vain: " + what);
            }
            Thread.sleep(10);
        }
    }

    /** What a call ends with: its value, or the class of what it throws. */
    private static String outcome(java.util.concurrent.Callable<?> call) {
        try {
            return String.valueOf(call.call());
        } catch (Exception thrown) {
            return thrown.getClass().getSimpleName();
        }
    }

    /**
     * Ends a client's session at the server: a second connection takes the session over and closes
     * it. Answers when the client has a new one.
     */
    private void lose(CuratorFramework client) throws Exception {
        ZooKeeper old = client.getZookeeperClient().getZooKeeper();
        CountDownLatch lost = new CountDownLatch(1);
        ConnectionStateListener listener = (same, state) -> {
            if (state == ConnectionState.LOST) {
                lost.countDown();
            }
        };
        client.getConnectionStateListenable().addListener(listener);
        for (int tries = 0; lost.getCount() > 0; tries++) {
            if (tries > 10) {
                throw new IllegalStateException("the session cannot be ended");
            }
            CountDownLatch there = new CountDownLatch(1);
            ZooKeeper twin = new ZooKeeper(servers, 20_000, event -> {
                if (event.getState() != KeeperState.Disconnected) {
                    there.countDown();
                }
            }, old.getSessionId(), old.getSessionPasswd());
            there.await(5, TimeUnit.SECONDS);
            twin.close();
            lost.await(3, TimeUnit.SECONDS);
        }
        client.getConnectionStateListenable().removeListener(listener);
        await("a new session", () -> {
            ZooKeeper now = client.getZookeeperClient().getZooKeeper();
            return client.getZookeeperClient().isConnected()
                    && now.getSessionId() != old.getSessionId()
                    && now.getSessionId() != 0;
        });
    }

    private void framework() throws Exception {
        say("== framework");
        say("%s", ann.create().creatingParentsIfNeeded().forPath("/curator/a/b", bytes("one")));
        say("%s", ann.create().orSetData().forPath("/curator/a/b", bytes("two")));
        Stat stat = new Stat();
        say("%s v%d", text(ann.getData().storingStatIn(stat).forPath("/curator/a/b")),
                stat.getVersion());
        say("%s", outcome(() -> ann.setData().withVersion(7).forPath("/curator/a/b", bytes("x"))));
        String guarded = ann.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
                .forPath("/curator/a/p-");
        say("%s", guarded.replaceAll("_c_[0-9a-f-]+", "_c_uuid"));
        say("%s", ann.create().withTtl(600_000).withMode(CreateMode.PERSISTENT_WITH_TTL)
                .forPath("/curator/ttl"));
        say("%s", ann.create().withTtl(600_000).withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)
                .forPath("/curator/ttl-"));
        say("%s", ann.create().withMode(CreateMode.CONTAINER).forPath("/curator/container"));
        say("owners %x %x", ann.checkExists().forPath("/curator/ttl").getEphemeralOwner(),
                ann.checkExists().forPath("/curator/container").getEphemeralOwner());
        say("%s", sorted(ann.getChildren().forPath("/curator")));
        List<CuratorTransactionResult> results = ann.transaction().forOperations(
                ann.transactionOp().create().forPath("/curator/t", bytes("t")),
                ann.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL)
                        .forPath("/curator/t/s-"),
                ann.transactionOp().setData().withVersion(0).forPath("/curator/t", bytes("u")),
                ann.transactionOp().check().withVersion(1).forPath("/curator/t"),
                ann.transactionOp().delete().forPath("/curator/a/b"));
        for (CuratorTransactionResult result : results) {
            say("%s %s -> %s %d", result.getType(), result.getForPath(), result.getResultPath(),
                    result.getError());
        }
        try {
            ann.transaction().forOperations(
                    ann.transactionOp().create().forPath("/curator/never"),
                    ann.transactionOp().check().withVersion(9).forPath("/curator/t"));
        } catch (KeeperException refused) {
            say("%s", refused.code());
            refused.getResults().forEach(result -> say("  type %d", result.getType()));
        }
        say("%s", ann.checkExists().forPath("/curator/never"));
        ann.delete().deletingChildrenIfNeeded().forPath("/curator/t");
        say("%s", ann.checkExists().forPath("/curator/t"));
    }

    private void watches() throws Exception {
        say("== persistent watches");
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        ann.create().forPath("/curator/w");
        ann.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE)
                .usingWatcher((org.apache.zookeeper.Watcher) event -> {
                    if (event.getPath() != null) {
                        events.add(event.getType() + " " + event.getPath());
                    }
                }).forPath("/curator/w");
        bob.create().forPath("/curator/w/x");
        bob.setData().forPath("/curator/w/x", bytes("1"));
        bob.create().forPath("/curator/w/x/y");
        bob.delete().deletingChildrenIfNeeded().forPath("/curator/w/x");
        for (int count = 0; count < 5; count++) {
            say("%s", events.poll(SECONDS, TimeUnit.SECONDS));
        }
        ann.watchers().removeAll().forPath("/curator/w");
        say("%s", events.poll(SECONDS, TimeUnit.SECONDS));
        say("%s", outcome(() -> ann.watchers().removeAll().forPath("/curator/w")));
    }

    private void latch() throws Exception {
        say("== leader latch");
        LeaderLatch first = new LeaderLatch(ann, "/curator/latch", "ann");
        LeaderLatch second = new LeaderLatch(bob, "/curator/latch", "bob");
        first.start();
        say("ann leads %s", first.await(SECONDS, TimeUnit.SECONDS));
        second.start();
        await("two participants", () -> first.getParticipants().size() == 2);
        say("%s", first.getParticipants());
        say("bob leads %s", second.hasLeadership());
        lose(ann);
        say("bob leads %s", second.await(SECONDS, TimeUnit.SECONDS));
        await("ann is back", () -> second.getParticipants().size() == 2);
        say("ann leads %s; leader %s", first.hasLeadership(), second.getLeader());
        second.close();
        say("ann leads %s", first.await(SECONDS, TimeUnit.SECONDS));
        first.close();
    }

    private void selector() throws Exception {
        say("== leader selector");
        BlockingQueue<String> turns = new LinkedBlockingQueue<>();
        LeaderSelector first = selector(ann, "ann", turns);
        first.start();
        say("%s", turns.poll(SECONDS, TimeUnit.SECONDS));
        LeaderSelector second = selector(bob, "bob", turns);
        second.start();
        await("two participants", () -> second.getParticipants().size() == 2);
        say("leader %s", second.getLeader().getId());
        lose(ann);
        // The one ends because it was told, the other begins because a node went: in any order.
        List<String> both = new ArrayList<>();
        both.add(turns.poll(SECONDS, TimeUnit.SECONDS));
        both.add(turns.poll(SECONDS, TimeUnit.SECONDS));
        say("%s", sorted(both));
        second.close();
        first.close();
    }

    private static LeaderSelector selector(
            CuratorFramework client, String name, BlockingQueue<String> turns) {
        LeaderSelector selector = new LeaderSelector(
                client, "/curator/selector", new LeaderSelectorListenerAdapter() {
                    @Override
                    public void takeLeadership(CuratorFramework same) {
                        turns.add(name + " leads");
                        try {
                            new CountDownLatch(1).await();
                        } catch (InterruptedException told) {
                            turns.add(name + " no longer leads");
                        }
                    }

                    @Override
                    public void stateChanged(CuratorFramework same, ConnectionState state) {
                        // A suspended connection alone takes nothing away.
                        if (state == ConnectionState.LOST) {
                            throw new CancelLeadershipException();
                        }
                    }
                });
        selector.setId(name);
        return selector;
    }

    private void mutex() throws Exception {
        say("== mutex");
        InterProcessMutex first = new InterProcessMutex(ann, "/curator/mutex");
        InterProcessMutex second = new InterProcessMutex(bob, "/curator/mutex");
        say("ann %s", first.acquire(SECONDS, TimeUnit.SECONDS));
        say("ann again %s", first.acquire(SECONDS, TimeUnit.SECONDS));
        say("bob %s", second.acquire(200, TimeUnit.MILLISECONDS));
        first.release();
        say("bob %s", second.acquire(200, TimeUnit.MILLISECONDS));
        say("waiting %d", first.getParticipantNodes().size());
        CompletableFuture<String> waits = CompletableFuture.supplyAsync(() ->
                outcome(() -> second.acquire(SECONDS, TimeUnit.SECONDS)));
        await("bob waits", () -> first.getParticipantNodes().size() == 2);
        lose(ann);
        say("bob %s", waits.get(SECONDS, TimeUnit.SECONDS));
        say("ann %s", outcome(() -> {
            first.release();
            return "released";
        }));
        say("ann %s", first.acquire(200, TimeUnit.MILLISECONDS));
        lose(bob);
        say("ann %s", first.acquire(SECONDS, TimeUnit.SECONDS));
        first.release();
        InterProcessMultiLock several = new InterProcessMultiLock(
                ann, List.of("/curator/multi/1", "/curator/multi/2"));
        InterProcessSemaphoreMutex one = new InterProcessSemaphoreMutex(bob, "/curator/multi/3");
        say("several %s", several.acquire(SECONDS, TimeUnit.SECONDS));
        say("one %s", one.acquire(SECONDS, TimeUnit.SECONDS));
        several.release();
        one.release();
    }

    private void readWriteLock() throws Exception {
        say("== read-write lock");
        InterProcessReadWriteLock first = new InterProcessReadWriteLock(ann, "/curator/rw");
        InterProcessReadWriteLock second = new InterProcessReadWriteLock(bob, "/curator/rw");
        say("ann reads %s", first.readLock().acquire(SECONDS, TimeUnit.SECONDS));
        say("bob reads %s", second.readLock().acquire(SECONDS, TimeUnit.SECONDS));
        second.readLock().release();
        say("bob writes %s", second.writeLock().acquire(200, TimeUnit.MILLISECONDS));
        lose(ann);
        say("bob writes %s", second.writeLock().acquire(SECONDS, TimeUnit.SECONDS));
        say("bob reads %s", second.readLock().acquire(SECONDS, TimeUnit.SECONDS));
        second.writeLock().release();
        InterProcessReadWriteLock third = new InterProcessReadWriteLock(ann, "/curator/rw");
        say("ann reads %s", third.readLock().acquire(SECONDS, TimeUnit.SECONDS));
        third.readLock().release();
        second.readLock().release();
    }

    private void semaphore() throws Exception {
        say("== semaphore");
        InterProcessSemaphoreV2 first = new InterProcessSemaphoreV2(ann, "/curator/sem", 2);
        InterProcessSemaphoreV2 second = new InterProcessSemaphoreV2(bob, "/curator/sem", 2);
        Lease lease = first.acquire(SECONDS, TimeUnit.SECONDS);
        lease.close();
        first.acquire(2, SECONDS, TimeUnit.SECONDS);
        say("holders %d", first.getParticipantNodes().size());
        say("bob %s", second.acquire(200, TimeUnit.MILLISECONDS));
        lose(ann);
        Lease got = second.acquire(SECONDS, TimeUnit.SECONDS);
        say("bob %s", got != null);
        second.returnLease(got);
        say("holders %d", second.getParticipantNodes().size());
    }

    private void barriers() throws Exception {
        say("== barriers");
        DistributedDoubleBarrier first = new DistributedDoubleBarrier(ann, "/curator/double", 2);
        DistributedDoubleBarrier second = new DistributedDoubleBarrier(bob, "/curator/double", 2);
        say("alone %s", new DistributedDoubleBarrier(ann, "/curator/alone", 2)
                .enter(200, TimeUnit.MILLISECONDS));
        CompletableFuture<String> enters =
                CompletableFuture.supplyAsync(() -> outcome(() -> second.enter(SECONDS,
                        TimeUnit.SECONDS)));
        say("ann in %s", first.enter(SECONDS, TimeUnit.SECONDS));
        say("bob in %s", enters.get(SECONDS, TimeUnit.SECONDS));
        CompletableFuture<String> leaves =
                CompletableFuture.supplyAsync(() -> outcome(() -> second.leave(SECONDS,
                        TimeUnit.SECONDS)));
        say("ann out %s", first.leave(SECONDS, TimeUnit.SECONDS));
        say("bob out %s", leaves.get(SECONDS, TimeUnit.SECONDS));
        DistributedBarrier gate = new DistributedBarrier(ann, "/curator/gate");
        gate.setBarrier();
        DistributedBarrier seen = new DistributedBarrier(bob, "/curator/gate");
        say("closed %s", !seen.waitOnBarrier(200, TimeUnit.MILLISECONDS));
        gate.removeBarrier();
        say("open %s", seen.waitOnBarrier(SECONDS, TimeUnit.SECONDS));
    }

    private void cache() throws Exception {
        say("== cache");
        ann.create().creatingParentsIfNeeded().forPath("/curator/cache/a", bytes("1"));
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch ready = new CountDownLatch(1);
        CuratorCache cache = CuratorCache.build(ann, "/curator/cache");
        cache.listenable().addListener(
                org.apache.curator.framework.recipes.cache.CuratorCacheListener.builder()
                        .forAll((type, before, after) -> events.add(
                                type + " " + (after == null ? before : after).getPath()))
                        .forInitialized(ready::countDown)
                        .build());
        cache.start();
        say("initialized %s", ready.await(SECONDS, TimeUnit.SECONDS));
        showEvents(events, 2);
        // One by one: the cache reads a node that changed, and tells what it read.
        bob.create().forPath("/curator/cache/a/b", bytes("2"));
        showEvents(events, 1);
        bob.setData().forPath("/curator/cache/a", bytes("3"));
        showEvents(events, 1);
        bob.delete().forPath("/curator/cache/a/b");
        showEvents(events, 1);
        lose(ann);
        bob.create().forPath("/curator/cache/c", bytes("4"));
        showEvents(events, 1);
        say("size %d, a is %s", cache.size(),
                text(cache.get("/curator/cache/a").orElseThrow().getData()));
        cache.close();
    }

    private static void showEvents(List<String> events, int count) throws Exception {
        await(count + " events", () -> events.size() >= count);
        synchronized (events) {
            sorted(events).forEach(System.out::println);
            events.clear();
        }
    }

    private void nodes() throws Exception {
        say("== nodes");
        PersistentNode node = new PersistentNode(
                ann, CreateMode.EPHEMERAL, false, "/curator/node", bytes("here"));
        node.start();
        say("created %s", node.waitForInitialCreate(SECONDS, TimeUnit.SECONDS));
        long owner = bob.checkExists().forPath("/curator/node").getEphemeralOwner();
        bob.delete().forPath("/curator/node");
        await("the node is made again", () -> bob.checkExists().forPath("/curator/node") != null);
        say("made again, same owner %s",
                bob.checkExists().forPath("/curator/node").getEphemeralOwner() == owner);
        lose(ann);
        await("the node has a new owner", () -> {
            Stat stat = bob.checkExists().forPath("/curator/node");
            return stat != null && stat.getEphemeralOwner() != owner;
        });
        say("%s after the loss", text(bob.getData().forPath("/curator/node")));
        node.close();
        say("closed %s", bob.checkExists().forPath("/curator/node") == null);
        PersistentTtlNode lasting =
                new PersistentTtlNode(ann, "/curator/lasting", 60_000, bytes("ttl"));
        lasting.start();
        say("lasting %s", lasting.waitForInitialCreate(SECONDS, TimeUnit.SECONDS));
        lasting.close();
        GroupMember first = new GroupMember(ann, "/curator/group", "ann", bytes("a"));
        GroupMember second = new GroupMember(bob, "/curator/group", "bob", bytes("b"));
        first.start();
        second.start();
        await("two members", () -> first.getCurrentMembers().size() == 2);
        say("%s", sorted(first.getCurrentMembers().keySet()));
        lose(bob);
        await("two members again", () -> first.getCurrentMembers().size() == 2
                && second.getCurrentMembers().size() == 2);
        say("%s", sorted(second.getCurrentMembers().keySet()));
        first.close();
        second.close();
    }

    private void numbers() throws Exception {
        say("== numbers");
        ExponentialBackoffRetry often = new ExponentialBackoffRetry(5, 20, 100);
        DistributedAtomicLong first = new DistributedAtomicLong(ann, "/curator/long", often);
        DistributedAtomicLong second = new DistributedAtomicLong(bob, "/curator/long", often);
        say("initialized %s", first.initialize(5L));
        CompletableFuture<String> adds = CompletableFuture.supplyAsync(() -> outcome(() -> {
            int added = 0;
            for (int count = 0; count < 50; count++) {
                added += add(second);
            }
            return added;
        }));
        int added = 0;
        for (int count = 0; count < 50; count++) {
            added += add(first);
        }
        say("added %d and %s", added, adds.get(SECONDS, TimeUnit.SECONDS));
        say("value %d", first.get().postValue());
        say("swapped %s", second.compareAndSet(105L, 7L).succeeded());
        say("swapped %s", first.compareAndSet(105L, 8L).succeeded());
        SharedCount count = new SharedCount(ann, "/curator/count", 3);
        SharedCount other = new SharedCount(bob, "/curator/count", 9);
        count.start();
        other.start();
        say("counts %d %d", count.getCount(), other.getCount());
        say("set %s", other.trySetCount(other.getVersionedValue(), 4));
        await("the other sees it", () -> count.getCount() == 4);
        lose(ann);
        say("set %s", other.trySetCount(other.getVersionedValue(), 5));
        await("the other sees it after its loss", () -> count.getCount() == 5);
        say("count %d", count.getCount());
        count.close();
        other.close();
    }

    /** Adds one, and again as long as it did not succeed. */
    private static int add(DistributedAtomicLong number) throws Exception {
        AtomicValue<Long> value = number.increment();
        while (!value.succeeded()) {
            value = number.increment();
        }
        return 1;
    }

    private void queue() throws Exception {
        say("== queue");
        SimpleDistributedQueue in = new SimpleDistributedQueue(ann, "/curator/queue");
        SimpleDistributedQueue out = new SimpleDistributedQueue(bob, "/curator/queue");
        for (String word : List.of("x", "y", "z")) {
            in.offer(bytes(word));
        }
        say("%s", text(out.peek()));
        say("%s %s", text(out.take()), text(out.poll(SECONDS, TimeUnit.SECONDS)));
        CompletableFuture<byte[]> waits = CompletableFuture.supplyAsync(() -> {
            try {
                out.take();
                return out.take();
            } catch (Exception thrown) {
                throw new IllegalStateException(thrown);
            }
        });
        in.offer(bytes("last"));
        say("%s", text(waits.get(SECONDS, TimeUnit.SECONDS)));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
    }

    private static List<String> sorted(java.util.Collection<String> names) {
        List<String> list = new ArrayList<>(names);
        // A protected node's name has a random part.
        list.replaceAll(name -> name.replaceAll("_c_[0-9a-f-]+", "_c_uuid"));
        Collections.sort(list);
        return list;
    }
}
