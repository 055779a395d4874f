/** A class that fails when it is loaded. */
public class broken {
    static {
        if (true) {
            throw new IllegalStateException("the reason");
        }
    }

    public String f() {
        return "";
    }
}
