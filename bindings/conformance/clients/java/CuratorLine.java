import java.io.ByteArrayOutputStream;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryForever;
import org.apache.zookeeper.CreateMode;

/**
 * Curator in one line with Pinfold: address, what to wait for (lock or election), how often.
 *
 * Inside, it makes a znode that nobody else may have made, and adds its letter to the record by a
 * read and a write that would lose one if two were inside.
 */
public final class CuratorLine {
    private static CuratorFramework client;

    public static void main(String[] arguments) throws Exception {
        client = CuratorFrameworkFactory.newClient(arguments[0], new RetryForever(50));
        client.start();
        for (int round = 0; round < Integer.parseInt(arguments[2]); round++) {
            if (arguments[1].equals("election")) {
                try (LeaderLatch latch = new LeaderLatch(client, "/mixed/line", "curator")) {
                    latch.start();
                    latch.await();
                    inside();
                }
            } else {
                InterProcessMutex mutex = new InterProcessMutex(client, "/mixed/line");
                mutex.acquire();
                inside();
                mutex.release();
            }
        }
        client.close();
    }

    private static void inside() throws Exception {
        client.create().withMode(CreateMode.EPHEMERAL).forPath("/mixed/inside");
        ByteArrayOutputStream record = new ByteArrayOutputStream();
        record.write(client.getData().forPath("/mixed/record"));
        record.write('c');
        client.setData().forPath("/mixed/record", record.toByteArray());
        client.delete().forPath("/mixed/inside");
    }
}
