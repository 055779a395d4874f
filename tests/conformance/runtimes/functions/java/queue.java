import java.util.concurrent.Executors;

/** A class named like others: the server's and the standard library's are found all the same. */
public class queue {
    public String handler() throws Exception {
        var threads = Executors.newSingleThreadExecutor();
        try {
            return threads.submit(() -> String.valueOf(1)).get();
        } finally {
            threads.shutdown();
        }
    }
}
