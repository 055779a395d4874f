package io.tidegate.runtime.front;

import java.io.DataInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * A worker's process, and the door on the loopback interface at which it reports.
 *
 * <p>Its address and a secret that only the worker knows go over its standard input.
 */
final class WorkerProcess {
    private static final String MAIN = "io.tidegate.runtime.worker.Worker";
    private static final int SECRET_LENGTH = 16;
    private static final int SIGNALLED = 128;
    private static final Map<Integer, String> SIGNALS = Map.of(
            1, "SIGHUP", 2, "SIGINT", 6, "SIGABRT", 9, "SIGKILL", 11, "SIGSEGV", 15, "SIGTERM");

    /** The options of a worker's virtual machine, those of FUNC_JAVA_OPTIONS after ours. */
    private static final List<String> OPTIONS = List.of(
            "-Xshare:auto", "-XX:-UsePerfData", "-XX:MaxRAMPercentage=50", "-Xlog:disable",
            "-Xlog:all=error:stderr", "-XX:+SuppressFatalErrorMessage",
            "-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8", "-Dsun.stderr.encoding=UTF-8",
            "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8");

    final ServerSocketChannel door;
    final byte[] secret;

    private final Process process;

    private WorkerProcess(ServerSocketChannel door, byte[] secret, Process process) {
        this.door = door;
        this.secret = secret;
        this.process = process;
    }

    /** A worker that has begun to start. */
    static WorkerProcess start() throws IOException {
        ServerSocketChannel door = ServerSocketChannel.open();
        door.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1);
        byte[] secret = secret();
        Process process = new ProcessBuilder(command(System.getenv("FUNC_JAVA_OPTIONS")))
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        WorkerProcess worker = new WorkerProcess(door, secret, process);
        worker.introduce();
        return worker;
    }

    private static List<String> command(String extra) {
        String jar = System.getProperty("java.class.path");
        List<String> command = new ArrayList<>(ProcessGroup.leading());
        command.add(System.getProperty("java.home") + "/bin/java");
        command.addAll(OPTIONS);
        List<String> own = extra == null || extra.isBlank()
                ? List.of()
                : List.of(extra.strip().split("\\s+"));
        if (own.stream().noneMatch(option -> option.matches("-XX:\\+Use\\w+GC"))) {
            command.add("-XX:+UseSerialGC");
        }
        Path archive = Path.of(jar).resolveSibling("server.jsa");
        if (Files.exists(archive)) {
            command.add("-XX:SharedArchiveFile=" + archive);
        }
        command.addAll(own);
        command.addAll(List.of("-cp", jar, MAIN));
        return command;
    }

    /** Random bytes of the system: java.security would cost a tenth of the start. */
    private static byte[] secret() throws IOException {
        try (DataInputStream random = new DataInputStream(new FileInputStream("/dev/urandom"))) {
            byte[] secret = new byte[SECRET_LENGTH];
            random.readFully(secret);
            return secret;
        }
    }

    private void introduce() throws IOException {
        String line = door.socket().getLocalPort() + " " + HexFormat.of().formatHex(secret) + "\n";
        try (var stdin = process.getOutputStream()) {
            stdin.write(line.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException error) {
            // it has ended already, and is reaped
        }
    }

    /** Run an action when the process has ended, on a thread of its own. */
    void whenEnded(Runnable action) {
        Thread thread = new Thread(() -> {
            try {
                process.waitFor();
                ProcessGroup.end(pid());
                action.run();
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
            }
        }, "worker-" + pid());
        thread.setDaemon(true);
        thread.start();
    }

    long pid() {
        return process.pid();
    }

    /** End the worker and every process that it started, at once. */
    void kill() {
        List<ProcessHandle> started = process.descendants().toList();
        process.destroyForcibly();
        started.forEach(ProcessHandle::destroyForcibly);
        ProcessGroup.end(pid());
    }

    /** How the process ended, in words. */
    String ending() {
        int code = process.exitValue();
        String signal = SIGNALS.get(code - SIGNALLED);
        if (signal == null) {
            return "exited with code " + code;
        }
        return "killed by signal " + (code - SIGNALLED) + " (" + signal + ")";
    }
}
