import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Every method of Apache's Java client, in its blocking and in its asynchronous form.
 *
 * <p>What is printed depends on nothing but the server: zxids and times are told by how they
 * compare, session ids by whose they are.
 */
public final class ClientStory {
    private static final int TIMEOUT_MS = 20_000;
    private static final int SECONDS = 30;

    private final String servers;
    private final Events events = new Events();
    private final ZooKeeper keeper;

    private ClientStory(String servers) throws Exception {
        this.servers = servers;
        keeper = connect(servers, events);
    }

    public static void main(String[] arguments) throws Exception {
        ClientStory story = new ClientStory(arguments[0]);
        story.create();
        story.read();
        story.write();
        story.access();
        story.transactions();
        story.oneShotWatches();
        story.persistentWatches();
        story.asynchronous();
        story.sessions();
        story.administration();
        story.clean("/java");
        story.keeper.close();
        story.say("closed %s", story.keeper.getState());
        story.say("%s", outcome(() -> story.keeper.exists("/", false)));
    }

    /** Events in the order in which they come. */
    private static final class Events implements Watcher {
        private final BlockingQueue<WatchedEvent> queue = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent event) {
            queue.add(event);
        }

        String next() throws InterruptedException {
            WatchedEvent event = queue.poll(SECONDS, TimeUnit.SECONDS);
            return event == null
                    ? "no event"
                    : event.getType() + " " + event.getState() + " " + event.getPath();
        }

        boolean none() {
            return queue.isEmpty();
        }
    }

    private static ZooKeeper connect(String servers, Events events) throws Exception {
        ZooKeeper keeper = new ZooKeeper(servers, TIMEOUT_MS, events);
        if (!"None SyncConnected null".equals(events.next())) {
            throw new IllegalStateException("no connection to " + servers);
        }
        return keeper;
    }

    private void say(String text, Object... values) {
        System.out.println(String.format(text, values));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "null" : '"' + new String(bytes, StandardCharsets.UTF_8) + '"';
    }

    private static List<String> sorted(List<String> names) {
        List<String> list = new ArrayList<>(names);
        Collections.sort(list);
        return list;
    }

    /** Not `List.of`, which the client's own check of access lists does not bear. */
    private static List<ACL> acl(ACL... entries) {
        return Arrays.asList(entries);
    }

    private static List<String> identities(ZooKeeper keeper) throws Exception {
        List<String> names = new ArrayList<>();
        keeper.whoAmI().forEach(who -> names.add(who.getAuthScheme() + ":" + who.getUser()));
        return sorted(names);
    }

    /** What a call ends with: its value, or the code of what the server refused. */
    private static String outcome(Callable<?> call) {
        try {
            return String.valueOf(call.call());
        } catch (KeeperException refused) {
            return refused.code() + " " + refused.getPath();
        } catch (Exception thrown) {
            return thrown.getClass().getSimpleName() + " " + thrown.getMessage();
        }
    }

    private String show(Stat stat) {
        if (stat == null) {
            return "no node";
        }
        long owner = stat.getEphemeralOwner();
        return String.format("v%d c%d a%d data %d children %d, owner %s%s%s%s",
                stat.getVersion(), stat.getCversion(), stat.getAversion(), stat.getDataLength(),
                stat.getNumChildren(),
                owner == 0 ? "none" : owner == keeper.getSessionId() ? "me" : "other",
                stat.getMzxid() > stat.getCzxid() ? ", changed" : "",
                stat.getPzxid() > stat.getCzxid() ? ", children changed" : "",
                stat.getMtime() < stat.getCtime() ? ", changed before it was made" : "");
    }

    private void create() throws Exception {
        say("== create");
        Stat stat = new Stat();
        say("%s", keeper.create("/java", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        for (CreateMode mode : CreateMode.values()) {
            String prefix = "/java/" + mode.name().toLowerCase(java.util.Locale.ROOT) + "-";
            say("%s", outcome(() -> keeper.create(
                    prefix, bytes("x"), Ids.OPEN_ACL_UNSAFE, mode, stat, mode.isTTL() ? 60_000 : -1)));
            say("  %s", show(stat));
        }
        say("%s", outcome(() -> keeper.create("/java/persistent-", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT)));
        say("%s", outcome(() -> keeper.create("/java/no/parent", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT)));
        say("%s", outcome(() -> keeper.create("/java/ephemeral-/x", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT)));
        say("%s", outcome(() -> keeper.create("/java/acl", null, Collections.emptyList(),
                CreateMode.PERSISTENT)));
        say("%s", outcome(() -> keeper.create("/java/a", null, Ids.CREATOR_ALL_ACL,
                CreateMode.PERSISTENT)));
        say("%s", outcome(() -> keeper.create("/java/ttl", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT_WITH_TTL, stat, 1L << 40)));
        say("%s", outcome(() -> keeper.create("java", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT)));
        say("%s", outcome(() -> keeper.create("/java/ü/../x", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT)));
        say("%s", keeper.create("/java/größe-漢字", bytes("größe"), Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT));
    }

    private void read() throws Exception {
        say("== read");
        Stat stat = new Stat();
        say("%s", show(keeper.exists("/java", false)));
        say("%s", keeper.exists("/java/none", false));
        say("%s %s", text(keeper.getData("/java", false, stat)), show(stat));
        say("%s", text(keeper.getData("/java/größe-漢字", false, null)));
        say("%s", outcome(() -> keeper.getData("/java/none", false, null)));
        say("%s", sorted(keeper.getChildren("/java", false)));
        say("%d %s", keeper.getChildren("/java", false, stat).size(), show(stat));
        say("%s", outcome(() -> keeper.getChildren("/java/none", false)));
        say("%d", keeper.getAllChildrenNumber("/java"));
        say("%s", outcome(() -> keeper.getAllChildrenNumber("/java/none")));
        say("%s", sorted(keeper.getEphemerals()));
        say("%s", sorted(keeper.getEphemerals("/java/ephemeral_")));
        say("%s", keeper.getEphemerals("/other"));
        keeper.sync("/java");
        say("synced %s", outcome(() -> {
            keeper.sync("/java/none");
            return "a node that is not there";
        }));
        say("%s", sorted(keeper.getChildren("/zookeeper", false)));
    }

    private void write() throws Exception {
        say("== write");
        say("%s", show(keeper.setData("/java", bytes("one"), 0)));
        say("%s", outcome(() -> keeper.setData("/java", bytes("two"), 0)));
        say("%s", show(keeper.setData("/java", new byte[0], -1)));
        say("%s", text(keeper.getData("/java", false, null)));
        say("%s", show(keeper.setData("/java", null, 2)));
        say("%s", outcome(() -> keeper.setData("/java/none", null, -1)));
        say("%s", outcome(() -> {
            keeper.delete("/java", -1);
            return "gone";
        }));
        say("%s", outcome(() -> {
            keeper.delete("/java/persistent-", 3);
            return "gone";
        }));
        keeper.delete("/java/persistent-", 0);
        say("%s", outcome(() -> {
            keeper.delete("/java/persistent-", -1);
            return "gone";
        }));
        for (String path : List.of("/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config")) {
            say("%s", outcome(() -> {
                keeper.delete(path, -1);
                return "gone";
            }));
        }
        say("%s", outcome(() -> keeper.setData("/java", new byte[2 << 20], -1)));
        say("%s", events.next());
        say("%s", events.next());
    }

    private void access() throws Exception {
        say("== access");
        Stat stat = new Stat();
        say("%s", identities(keeper));
        keeper.addAuthInfo("digest", bytes("ann:secret"));
        say("%s", identities(keeper));
        keeper.create("/java/mine", bytes("x"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        say("%s %s", keeper.getACL("/java/mine", stat), show(stat));
        Events others = new Events();
        ZooKeeper other = connect(servers, others);
        say("%s", outcome(() -> other.getData("/java/mine", false, null)));
        say("%s", outcome(() -> other.exists("/java/mine", false)));
        say("%s", outcome(() -> other.getACL("/java/mine", stat)));
        say("%s", outcome(() -> other.setACL("/java/mine", Ids.OPEN_ACL_UNSAFE, -1)));
        say("%s", outcome(() -> other.create("/java/mine/x", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT)));
        List<ACL> mixed = acl(
                new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE),
                new ACL(Perms.ALL, new Id("ip", "127.0.0.0/8")),
                new ACL(Perms.WRITE, new Id("digest", "bob:hash")));
        say("%s", show(keeper.setACL("/java/mine", mixed, 0)));
        say("%s", outcome(() -> keeper.setACL("/java/mine", mixed, 0)));
        say("%s", outcome(() -> other.getACL("/java/mine", null)));
        say("%s", outcome(() -> keeper.setACL("/java/mine",
                acl(new ACL(Perms.ALL, new Id("ip", "300.1.1.1"))), -1)));
        say("%s", outcome(() -> keeper.setACL("/java/mine",
                acl(new ACL(Perms.ALL, new Id("nobody", "x"))), -1)));
        say("%s", show(keeper.setACL("/java/mine",
                acl(new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE)), -1)));
        say("%s", outcome(() -> keeper.setData("/java/mine", null, -1)));
        ZooKeeper root = connect(servers, new Events());
        root.addAuthInfo("digest", bytes("super:admin"));
        say("%s", identities(root));
        say("%s", show(root.setACL("/java/mine", Ids.OPEN_ACL_UNSAFE, 2)));
        root.close();
        other.addAuthInfo("nobody", bytes("x"));
        say("%s", others.next());
        say("%s", outcome(() -> other.exists("/", false)));
        other.close();
    }

    private void transactions() throws Exception {
        say("== transactions");
        List<Op> ops = List.of(
                Op.create("/java/m", bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.create("/java/m/s-", null, Ids.OPEN_ACL_UNSAFE,
                        CreateMode.PERSISTENT_SEQUENTIAL),
                Op.create("/java/m/s-", null, Ids.OPEN_ACL_UNSAFE,
                        CreateMode.EPHEMERAL_SEQUENTIAL),
                Op.create("/java/m/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
                Op.create("/java/m/t", null, Ids.OPEN_ACL_UNSAFE,
                        CreateMode.PERSISTENT_WITH_TTL, 60_000),
                Op.setData("/java/m", bytes("2"), 0),
                Op.check("/java/m", 1),
                Op.delete("/java/m/c", 0));
        keeper.multi(ops).forEach(this::sayResult);
        try {
            keeper.multi(List.of(
                    Op.setData("/java/m", bytes("3"), -1),
                    Op.delete("/java/none", -1),
                    Op.check("/java/m", 9)));
        } catch (KeeperException refused) {
            say("%s %s", refused.code(), refused.getPath());
            refused.getResults().forEach(this::sayResult);
        }
        say("%s", text(keeper.getData("/java/m", false, null)));
        keeper.multi(List.of(
                Op.getData("/java/m"),
                Op.getChildren("/java/m"),
                Op.getData("/java/none"))).forEach(this::sayResult);
        say("%s", keeper.multi(Collections.emptyList()));
        say("%s", outcome(() -> keeper.multi(List.of(Op.getData("/java/m"),
                Op.delete("/java/m", -1)))));
        keeper.transaction().check("/java/m", 1).setData("/java/m", bytes("4"), 1)
                .create("/java/m/last", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
                .delete("/java/m/last", 0).commit().forEach(this::sayResult);
    }

    private void sayResult(OpResult result) {
        if (result instanceof OpResult.CreateResult made) {
            say("  created %s, %s", made.getPath(), show(made.getStat()));
        } else if (result instanceof OpResult.SetDataResult set) {
            say("  set %s", show(set.getStat()));
        } else if (result instanceof OpResult.GetDataResult got) {
            say("  data %s %s", text(got.getData()), show(got.getStat()));
        } else if (result instanceof OpResult.GetChildrenResult got) {
            say("  children %s", sorted(got.getChildren()));
        } else if (result instanceof OpResult.ErrorResult error) {
            say("  error %d", error.getErr());
        } else {
            say("  %s", result.getClass().getSimpleName());
        }
    }

    private void oneShotWatches() throws Exception {
        say("== one-shot watches");
        Events own = new Events();
        keeper.exists("/java/w", own);
        keeper.create("/java/w", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        say("%s", own.next());
        keeper.getData("/java/w", own, null);
        keeper.setData("/java/w", null, -1);
        keeper.setData("/java/w", null, -1);
        say("%s", own.next());
        keeper.getChildren("/java/w", own);
        keeper.create("/java/w/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        say("%s", own.next());
        keeper.getChildren("/java/w/x", own);
        keeper.getData("/java/w/x", true, null);
        keeper.delete("/java/w/x", -1);
        say("%s", own.next());
        say("%s", events.next());
        keeper.getData("/java/w", own, null);
        keeper.getChildren("/java/w", own, null);
        keeper.removeWatches("/java/w", own, WatcherType.Data, false);
        say("%s", own.next());
        say("%s", outcome(() -> {
            keeper.removeWatches("/java/w", own, WatcherType.Data, false);
            return "removed";
        }));
        keeper.removeAllWatches("/java/w", WatcherType.Any, false);
        say("%s", own.next());
        say("%s", outcome(() -> {
            keeper.removeAllWatches("/java/w", WatcherType.Any, true);
            return "removed";
        }));
        say("nothing more %s", own.none() && events.none());
    }

    private void persistentWatches() throws Exception {
        say("== persistent watches");
        Events flat = new Events();
        Events deep = new Events();
        keeper.addWatch("/java/p", flat, AddWatchMode.PERSISTENT);
        keeper.addWatch("/java/p", deep, AddWatchMode.PERSISTENT_RECURSIVE);
        keeper.addWatch("/java/q", AddWatchMode.PERSISTENT);
        keeper.create("/java/p", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        keeper.create("/java/p/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        keeper.create("/java/p/x/y", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        keeper.setData("/java/p", null, -1);
        keeper.setData("/java/p/x/y", null, -1);
        keeper.delete("/java/p/x/y", -1);
        keeper.delete("/java/p/x", -1);
        for (int count = 0; count < 4; count++) {
            say("flat %s", flat.next());
        }
        for (int count = 0; count < 7; count++) {
            say("deep %s", deep.next());
        }
        keeper.removeWatches("/java/p", flat, WatcherType.Persistent, false);
        say("flat %s", flat.next());
        keeper.delete("/java/p", -1);
        say("deep %s", deep.next());
        keeper.removeWatches("/java/p", deep, WatcherType.PersistentRecursive, false);
        say("deep %s", deep.next());
        keeper.create("/java/q", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        say("%s", events.next());
        say("nothing more %s", flat.none() && deep.none() && events.none());
    }

    /** Callbacks come in the order of the requests, so a queue of what they say is an order. */
    private void asynchronous() throws Exception {
        say("== asynchronous");
        BlockingQueue<String> answers = new LinkedBlockingQueue<>();
        AsyncCallback.VoidCallback done = (rc, path, name) -> answers.add(answer(rc, name, path));
        AsyncCallback.StatCallback stat =
                (rc, path, name, got) -> answers.add(answer(rc, name, show(got)));
        AsyncCallback.DataCallback data =
                (rc, path, name, got, at) -> answers.add(answer(rc, name, text(got)));
        String n = "/java/async";
        keeper.create(n, bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
                (AsyncCallback.StringCallback) (rc, path, name, made) ->
                        answers.add(answer(rc, name, made)), "create");
        keeper.create(n + "/e-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL,
                (AsyncCallback.Create2Callback) (rc, path, name, made, at) ->
                        answers.add(answer(rc, name, made + " " + show(at))), "create2");
        keeper.create(n + "/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL,
                (rc, path, name, made, at) -> answers.add(answer(rc, name, made)), "ttl", 9_000);
        keeper.exists(n, false, stat, "exists");
        keeper.exists(n + "/none", (Watcher) null, stat, "exists");
        keeper.setData(n, bytes("2"), 0, stat, "setData");
        keeper.setData(n, bytes("2"), 0, stat, "setData");
        keeper.getData(n, false, data, "getData");
        keeper.getData(n + "/none", (Watcher) null, data, "getData");
        keeper.getACL(n, null, (rc, path, name, acl, at) ->
                answers.add(answer(rc, name, String.valueOf(acl))), "getACL");
        keeper.setACL(n, Ids.OPEN_ACL_UNSAFE, 0, stat, "setACL");
        keeper.getChildren(n, false, (AsyncCallback.ChildrenCallback) (rc, path, name, got) ->
                answers.add(answer(rc, name, sorted(got).toString())), "getChildren");
        keeper.getChildren(n, false, (AsyncCallback.Children2Callback) (rc, path, name, got, at) ->
                answers.add(answer(rc, name, sorted(got) + " " + show(at))), "getChildren2");
        keeper.getAllChildrenNumber(n, (rc, path, name, number) ->
                answers.add(answer(rc, name, String.valueOf(number))), "number");
        keeper.getEphemerals(n, (rc, name, got) ->
                answers.add(answer(rc, name, String.valueOf(got))), "ephemerals");
        keeper.getEphemerals((rc, name, got) ->
                answers.add(answer(rc, name, got.size() + " in all")), "ephemerals");
        keeper.sync(n, done, "sync");
        keeper.addWatch(n, event -> { }, AddWatchMode.PERSISTENT, done, "addWatch");
        keeper.removeAllWatches(n, WatcherType.Any, false, done, "removeAllWatches");
        keeper.multi(List.of(Op.check(n, 1), Op.delete(n + "/t", -1)), (rc, path, name, got) ->
                answers.add(answer(rc, name, got.size() + " results")), "multi");
        keeper.delete(n, -1, done, "delete");
        keeper.delete(n + "/none", -1, done, "delete");
        for (int count = 0; count < 22; count++) {
            say("%s", answers.poll(SECONDS, TimeUnit.SECONDS));
        }
    }

    private static String answer(int code, Object name, String value) {
        return name + ": " + KeeperException.Code.get(code) + " " + value;
    }

    private void sessions() throws Exception {
        say("== sessions");
        Events first = new Events();
        ZooKeeper one = connect(servers, first);
        say("timeout %d", one.getSessionTimeout());
        one.create("/java/session", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        one.addWatch("/java/session", AddWatchMode.PERSISTENT);
        one.exists("/java/later", true);
        Events second = new Events();
        ZooKeeper two = new ZooKeeper(servers, TIMEOUT_MS, second, one.getSessionId(),
                one.getSessionPasswd());
        say("second %s", second.next());
        say("same session %s, its nodes %s", one.getSessionId() == two.getSessionId(),
                two.getEphemerals());
        say("first %s", first.next());
        two.close();
        say("node %s", keeper.exists("/java/session", false));
        // The first one comes back by itself, or is told that there is nothing to come back to.
        String last = first.next();
        while (last.startsWith("None SyncConnected") || last.startsWith("None Disconnected")) {
            last = first.next();
        }
        say("first %s, %s", last, one.getState());
        say("%s", outcome(() -> one.exists("/", false)));
        one.close();
        impostor();
        Events inside = new Events();
        ZooKeeper chroot = connect(servers + "/java", inside);
        chroot.exists("/in", true);
        say("%s", chroot.create("/in", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL));
        say("%s", inside.next());
        say("%s %s", chroot.getEphemerals(), show(keeper.exists("/java/in", false)));
        chroot.updateServerList(servers + "/java");
        say("%s", chroot.close(5_000));
        ZooKeeper reader = new ZooKeeper(servers, 1_000, new Events(), true);
        while (!reader.getState().isConnected()) {
            Thread.sleep(10);
        }
        say("%s, timeout %d", reader.getState(), reader.getSessionTimeout());
        reader.close();
    }

    private void impostor() throws Exception {
        Events own = new Events();
        ZooKeeper owner = connect(servers, own);
        owner.create("/java/owned", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Events events = new Events();
        ZooKeeper impostor = new ZooKeeper(
                servers, TIMEOUT_MS, events, owner.getSessionId(), new byte[16]);
        say("wrong password: %s", events.next());
        impostor.close();
        // ZooKeeper closes the owner's connection all the same, so it may have to come back.
        Stat stat = null;
        while (stat == null) {
            try {
                stat = owner.exists("/java/owned", false);
            } catch (KeeperException.ConnectionLossException again) {
                Thread.sleep(10);
            }
        }
        say("the session goes on %s", stat.getEphemeralOwner() == owner.getSessionId());
        owner.close();
    }

    private void administration() throws Exception {
        say("== administration");
        Stat stat = new Stat();
        say("config %s, v%d", text(keeper.getConfig(false, stat)), stat.getVersion());
        CountDownLatch ready = new CountDownLatch(1);
        ZooKeeperAdmin admin =
                new ZooKeeperAdmin(servers, TIMEOUT_MS, event -> ready.countDown());
        ready.await(SECONDS, TimeUnit.SECONDS);
        say("%s", outcome(() -> admin.reconfigure(
                "server.2=127.0.0.1:1:2;3", null, null, -1, stat)));
        admin.close();
    }

    private void clean(String path) throws Exception {
        for (String child : keeper.getChildren(path, false)) {
            clean(path + "/" + child);
        }
        keeper.delete(path, -1);
    }
}
