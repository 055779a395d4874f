import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;

/**
 * Makes the archive of the classes that the front and a worker load: runs the server once, with a
 * sample of a function, and has the virtual machine note the classes.
 */
public final class Archive {
    private static final String BODY = "{\"a\": [1, true, null]}";
    private static final int LONGEST = 30;

    private final Path home;
    private final Path work;
    private final Path front;
    private final Path worker;

    private Archive(Path home, Path work) {
        this.home = home;
        this.work = work;
        this.front = work.resolve("front.list");
        this.worker = work.resolve("worker.list");
    }

    /** The server's folder, which has the sample, too, and one for what is left over. */
    public static void main(String[] folders) throws Exception {
        new Archive(Path.of(folders[0]).toAbsolutePath(), Path.of(folders[1])).make();
    }

    private void make() throws Exception {
        Path archive = home.resolve("server.jsa");
        Files.deleteIfExists(archive);
        String jar = home.resolve("server.jar").toString();
        rehearse();
        ended(new ProcessBuilder(
                tool("java"), "-Xshare:dump", "-XX:+UseG1GC", "-XX:SharedArchiveFile=" + archive,
                "-XX:SharedClassListFile=" + classes(), "-Xlog:disable", "-cp", jar));
    }

    /** A server that is called, and stopped. */
    private void rehearse() throws Exception {
        Path port = work.resolve("port");
        ProcessBuilder builder = new ProcessBuilder(home.resolve("server").toString());
        builder.environment().putAll(Map.of(
                "MOD_NAME", "Sample", "FUNC_HANDLER", "answer",
                "KUBELESS_INSTALL_VOLUME", home.resolve("archive").toString(),
                "FUNC_HOST", "127.0.0.1", "FUNC_PORT", "0", "FUNC_PORT_FILE", port.toString(),
                "JAVA_TOOL_OPTIONS", "-XX:DumpLoadedClassList=" + front,
                "FUNC_JAVA_OPTIONS", "-XX:DumpLoadedClassList=" + worker));
        Process server = builder.redirectErrorStream(true).start();
        try {
            while (!Files.exists(port) || status(port) != 200) {
                if (!server.isAlive()) {
                    throw new IllegalStateException("the server ended with " + server.exitValue());
                }
                Thread.sleep(20);
            }
            server.destroy();
            server.waitFor(LONGEST, TimeUnit.SECONDS);
        } finally {
            server.destroyForcibly();
        }
    }

    private static int status(Path port) throws IOException {
        URL url = new URL("http://127.0.0.1:" + Files.readString(port).strip() + "/a%20b?c=d");
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setDoOutput(true);
        connection.getOutputStream().write(BODY.getBytes(StandardCharsets.UTF_8));
        return connection.getResponseCode();
    }

    private Path classes() throws IOException {
        TreeSet<String> classes = new TreeSet<>(Files.readAllLines(front));
        classes.addAll(Files.readAllLines(worker));
        classes.removeIf(line -> line.startsWith("Sample"));
        return Files.write(work.resolve("classes.list"), classes);
    }

    private static String tool(String name) {
        return Path.of(System.getProperty("java.home"), "bin", name).toString();
    }

    private static void ended(ProcessBuilder builder) throws Exception {
        Process process = builder.inheritIO().start();
        if (!process.waitFor(2 * LONGEST, TimeUnit.SECONDS) || process.exitValue() != 0) {
            process.destroyForcibly();
            throw new IllegalStateException("failed: " + String.join(" ", builder.command()));
        }
    }
}
