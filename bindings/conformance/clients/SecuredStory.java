import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Stat;

/** Who ZooKeeper's own client is, over TLS and by SASL: java SecuredStory.java PLAIN SECURE STORES */
public class SecuredStory {
    public static void main(String[] args) throws Exception {
        String plain = args[0], secure = args[1], stores = args[2];
        introduce("plain", plain, null, null, stores);
        introduce("plain, bob", plain, "Bob", null, stores);
        introduce("plain, root", plain, "Root", null, stores);
        introduce("plain, wrong", plain, "Wrong", null, stores);
        introduce("tls", secure, null, "", stores);
        introduce("tls, certificate", secure, null, "client.jks", stores);
        introduce("tls, certificate, bob", secure, "Bob", "client.p12", stores);
        System.exit(0);
    }

    static void introduce(String name, String hosts, String login, String keys, String stores)
            throws Exception {
        ZKClientConfig config = new ZKClientConfig();
        config.setProperty("zookeeper.fips-mode", "false");
        config.setProperty(ZKClientConfig.ENABLE_CLIENT_SASL_KEY, String.valueOf(login != null));
        if (login != null) {
            config.setProperty(ZKClientConfig.LOGIN_CONTEXT_NAME_KEY, login);
        }
        if (keys != null) {
            config.setProperty(ZKClientConfig.SECURE_CLIENT, "true");
            config.setProperty(
                    ZKClientConfig.ZOOKEEPER_CLIENT_CNXN_SOCKET,
                    "org.apache.zookeeper.ClientCnxnSocketNetty");
            config.setProperty("zookeeper.ssl.trustStore.location", stores + "/trust.jks");
            config.setProperty("zookeeper.ssl.trustStore.password", "pinfold");
            if (!keys.isEmpty()) {
                config.setProperty("zookeeper.ssl.keyStore.location", stores + "/" + keys);
                config.setProperty("zookeeper.ssl.keyStore.password", "pinfold");
            }
        }
        KeeperState awaited = login == null ? KeeperState.SyncConnected : KeeperState.SaslAuthenticated;
        CountDownLatch settled = new CountDownLatch(1);
        ZooKeeper client = new ZooKeeper(hosts, 20000, event -> {
            if (event.getState() == awaited || event.getState() == KeeperState.AuthFailed) {
                settled.countDown();
            }
        }, config);
        settled.await();
        String told;
        try {
            List<String> who = new ArrayList<>();
            List<ClientInfo> identities = client.whoAmI();
            if (identities == null) {
                throw new KeeperException.AuthFailedException();
            }
            for (ClientInfo info : identities) {
                who.add(info.getAuthScheme() + ":" + info.getUser());
            }
            Collections.sort(who);
            told = String.join(" | ", who) + " -> " + own(client);
        } catch (KeeperException error) {
            told = error.code().name();
        }
        System.out.println(name + ": " + told);
        client.close();
    }

    /** What stands in the access list of what is the client's own. */
    static String own(ZooKeeper client) throws Exception {
        try {
            client.create("/own", new byte[0], ZooDefs.Ids.CREATOR_ALL_ACL, CreateMode.EPHEMERAL);
        } catch (KeeperException error) {
            return error.code().name();
        }
        List<String> ids = new ArrayList<>();
        for (ACL acl : client.getACL("/own", new Stat())) {
            ids.add(acl.getId().getScheme() + ":" + acl.getId().getId());
        }
        Collections.sort(ids);
        return String.join(" | ", ids);
    }
}
