import io.kubeless.Context;
import io.kubeless.Event;
import java.util.Map;

/** The function that is called once for the archive of classes. */
public class Sample {
    public Object answer(Event event, Context context) {
        return Map.of("data", event.data(), "path", event.request().path());
    }
}
