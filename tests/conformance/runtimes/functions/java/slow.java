import java.nio.file.Files;
import java.nio.file.Path;

/** A class that is not loaded before it is told. */
public class slow {
    static {
        try {
            while (!Files.exists(Path.of(System.getenv("LOAD_WHEN")))) {
                Thread.sleep(10);
            }
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    public String echo() {
        return "hi";
    }
}
