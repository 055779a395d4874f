package io.tidegate.runtime.worker;

import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Flow;

/** What a publisher publishes, asked for one by one, for a thread that may wait for it. */
final class PublishedItems implements Flow.Subscriber<Object>, Iterator<Object>, AutoCloseable {
    private final Queue<Object> published = new ArrayDeque<>();
    private final Flow.Publisher<?> publisher;
    private Flow.Subscription subscription;
    private boolean asked;
    private boolean complete;
    private Throwable error;

    PublishedItems(Flow.Publisher<?> publisher) {
        this.publisher = publisher;
    }

    @Override
    public boolean hasNext() {
        if (!asked) {
            asked = true;
            publisher.subscribe(this);
        }
        return await();
    }

    private synchronized boolean await() {
        try {
            while (published.isEmpty() && !complete) {
                wait();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new CompletionException(interrupted);
        }
        if (published.isEmpty() && error != null) {
            throw new CompletionException(error);
        }
        return !published.isEmpty();
    }

    @Override
    public Object next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        Object item;
        Flow.Subscription from;
        synchronized (this) {
            item = published.remove();
            from = subscription;
        }
        from.request(1);
        return item;
    }

    @Override
    public void close() {
        Flow.Subscription from;
        synchronized (this) {
            from = subscription;
        }
        if (from != null) {
            from.cancel();
        }
    }

    @Override
    public void onSubscribe(Flow.Subscription to) {
        synchronized (this) {
            subscription = to;
        }
        to.request(1);
    }

    @Override
    public synchronized void onNext(Object item) {
        published.add(item);
        notifyAll();
    }

    @Override
    public synchronized void onError(Throwable failure) {
        error = failure;
        complete = true;
        notifyAll();
    }

    @Override
    public synchronized void onComplete() {
        complete = true;
        notifyAll();
    }
}
