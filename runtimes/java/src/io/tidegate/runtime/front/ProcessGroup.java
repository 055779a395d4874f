package io.tidegate.runtime.front;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What a worker starts is in its group, and stays there when the worker is gone.
 *
 * <p>Java can neither make a group nor end one: `setsid` of util-linux makes it, and its processes
 * are looked up in /proc. Where one of the two is missing a worker has no group.
 */
final class ProcessGroup {
    private static final Path SETSID = Path.of("/usr/bin/setsid");
    private static final Path PROCESSES = Path.of("/proc");
    private static final int GROUP = 2; // of the fields of stat behind the name

    private ProcessGroup() {}

    /** What a command begins with that shall lead a group of its own. */
    static List<String> leading() {
        return Files.isExecutable(SETSID) ? List.of(SETSID.toString()) : List.of();
    }

    /** End all processes of the group that a process leads or led. */
    static void end(long leader) {
        String group = Long.toString(leader);
        try (Stream<Path> files = Files.list(PROCESSES)) {
            files.map(file -> file.getFileName().toString())
                    .filter(name -> Character.isDigit(name.charAt(0)))
                    .filter(isIn(group))
                    .flatMap(name -> ProcessHandle.of(Long.parseLong(name)).stream())
                    .forEach(ProcessHandle::destroyForcibly);
        } catch (IOException error) {
            // there is no /proc
        }
    }

    private static Predicate<String> isIn(String group) {
        return name -> {
            try {
                Path file = PROCESSES.resolve(name).resolve("stat");
                String stat = Files.readString(file, StandardCharsets.ISO_8859_1);
                return stat.substring(stat.lastIndexOf(')') + 2).split(" ")[GROUP].equals(group);
            } catch (IOException error) {
                return false; // it has ended meanwhile
            }
        };
    }
}
