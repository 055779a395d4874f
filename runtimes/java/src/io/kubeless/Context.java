package io.kubeless;

/**
 * What a function may know about itself. The fields are those of Kubeless, all of them text; the
 * methods are the function contract's, with types.
 */
public final class Context {
    /** The value of FUNC_HANDLER. */
    public final String functionName;

    /** Seconds that a call may take. */
    public final String timeout;

    /** The runtime's name, or null. */
    public final String runtime;

    /** The memory limit as it was written, or null. */
    public final String memoryLimit;

    private final String name;
    private final String namespace;
    private final double deadline;

    /** A context for a test of a function. */
    public Context(String functionName, String timeout, String runtime, String memoryLimit) {
        this.functionName = functionName;
        this.timeout = timeout;
        this.runtime = runtime;
        this.memoryLimit = memoryLimit;
        this.name = null;
        this.namespace = null;
        this.deadline = Double.POSITIVE_INFINITY;
    }

    private Context(Context base, String name, String namespace, double deadline) {
        this.functionName = base.functionName;
        this.timeout = base.timeout;
        this.runtime = base.runtime;
        this.memoryLimit = base.memoryLimit;
        this.name = name;
        this.namespace = namespace;
        this.deadline = deadline;
    }

    /** The same for a Function object of this name. */
    public Context of(String name, String namespace) {
        return new Context(this, name, namespace, deadline);
    }

    /** The same for a call that is stopped then, in seconds of Unix time. */
    public Context until(double deadline) {
        return new Context(this, name, namespace, deadline);
    }

    public String functionName() {
        return functionName;
    }

    /** Seconds that a call may take. */
    public double timeout() {
        return Double.parseDouble(timeout);
    }

    public String runtime() {
        return runtime;
    }

    public String memoryLimit() {
        return memoryLimit;
    }

    /** The Function object's name, or null. */
    public String name() {
        return name;
    }

    /** The Function object's namespace, or null. */
    public String namespace() {
        return namespace;
    }

    /** When this call will be stopped, in seconds of Unix time. */
    public double deadline() {
        return deadline;
    }

    public String getFunctionName() {
        return functionName;
    }

    public String getTimeout() {
        return timeout;
    }

    public String getRuntime() {
        return runtime;
    }

    public String getMemoryLimit() {
        return memoryLimit;
    }
}
