<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * One worker: a process that runs the function and nothing else of the server.
 *
 * The function runs one call at a time, so that a signal can stop it anywhere in PHP code and in
 * every system call that can be interrupted, with its `finally` blocks run and its state kept.
 * What no signal stops, the front kills; it owns the connections.
 */
final class Worker
{
    /** Larger bodies go in chunks: the front holds no more than a window of each. */
    private const WHOLE_LIMIT = 1024 * 1024;

    private const FAILED = "the function failed; its log says why\n";

    private readonly Post $post;
    private readonly Loader $loader;
    private readonly int $pid;

    /** @var callable */
    private mixed $function;

    private bool $loading = true;
    private bool $interruptible = false;
    private bool $started = false;
    private int $signals = 0;
    private int $credit = 0;

    /** @param resource $channel */
    private function __construct(mixed $channel, private readonly Settings $settings)
    {
        $this->post = new Post($channel);
        $this->loader = new Loader($settings);
        $this->pid = posix_getpid();
    }

    /**
     * Make this process a worker.
     *
     * @param resource $channel
     */
    public static function begin(mixed $channel, int $front, Settings $settings): self
    {
        LifeLine::follow($front);
        return new self($channel, $settings);
    }

    /**
     * The files to run before `run`; what they cannot do is for `refuse`.
     *
     * @return list<string>
     */
    public function files(): array
    {
        register_shutdown_function($this->lastWords(...));
        return $this->loader->files();
    }

    /** Say that the function cannot be loaded; the process's exit code. */
    public function refuse(\Throwable $error): int
    {
        $reason = $error->getMessage();
        if (!$error instanceof LoadFailure) {
            $failure = new Failure($error);
            $failure->writeTrace();
            $reason = "{$this->settings->path()} failed at import: {$failure->line()}";
        }
        return $this->refuseFor($reason);
    }

    /** Answer calls until the front closes the channel; the process's exit code. */
    public function run(): int
    {
        try {
            $this->function = $this->loader->find();
        } catch (LoadFailure $error) {
            return $this->refuse($error);
        }
        $this->loading = false;
        pcntl_signal(Channel::INTERRUPT, $this->interrupt(...), false);
        $this->post->send(Channel::READY);
        while (($message = $this->post->receive()) !== null) {
            if (array_shift($message) === Channel::CALL) {
                $this->awaitSignals();
                $this->serve(...$message);
            }
        }
        return 0;
    }

    private function refuseFor(string $reason): int
    {
        $this->loading = false;
        $name = "{$this->settings->module}.{$this->settings->handler}";
        $this->post->send(Channel::FAILED, "loading $name: $reason");
        return Settings::LOAD_FAILED;
    }

    /** A file that exits, or breaks what PHP can compile, throws nothing. */
    private function lastWords(): void
    {
        if ($this->loading && posix_getpid() === $this->pid) {
            $reason = error_get_last()['message'] ?? 'it exits';
            $reason = trim((string) preg_replace('/\s+/', ' ', $reason));
            $this->refuseFor("{$this->settings->path()} failed at import: $reason");
        }
    }

    private function interrupt(): void
    {
        $this->signals++;
        if ($this->interruptible) {
            $this->interruptible = false;
            throw new Interrupted('the time of the call is over');
        }
    }

    /** A signal may be handled later than it was sent: it must not stop the next call. */
    private function awaitSignals(): void
    {
        while ($this->signals < $this->post->cancels) {
            usleep(1000);
        }
    }

    private function serve(
        string $method,
        string $target,
        string $lines,
        string $body,
        string $peer,
        float $deadline,
    ): void {
        $this->started = false;
        $event = null;
        try {
            $event = Event::fromRequest($method, $target, $lines, $body, $peer);
            $response = $event->extensions->response;
            $result = $this->callFunction($event, Event::context($this->settings, $deadline));
            $this->reply(Answer::fromResult($result, $response));
        } catch (BadData $error) {
            $this->say(400, "{$error->getMessage()}\n", false);
        } catch (Interrupted) {
            $this->started ? $this->post->send(Channel::LAST, true) : $this->say(408, '', true);
        } catch (\Throwable $error) {
            $this->fail($event?->{'event-id'}, $error);
        }
    }

    /** What the function returns; an answer may also be thrown. */
    private function callFunction(\stdClass $event, \stdClass $context): mixed
    {
        try {
            return $this->guarded(fn () => ($this->function)($event, $context));
        } catch (\Exception $error) {
            return Answer::isResponse($error) ? $error : throw $error;
        }
    }

    /**
     * The value of a piece of user code; the only place where an interrupt is thrown, since
     * elsewhere it would tear a message in two.
     */
    private function guarded(\Closure $code): mixed
    {
        try {
            $this->interruptible = true;
            $this->throwIfInterrupted();
            return $code();
        } finally {
            $this->interruptible = false;
            $this->endIfForked();
        }
    }

    /** The reverse, for a piece of ours within user code. */
    private function unguarded(\Closure $code): void
    {
        $this->interruptible = false;
        $this->endIfForked();
        $code();
        $this->interruptible = true;
        $this->throwIfInterrupted();
    }

    private function throwIfInterrupted(): void
    {
        if ($this->signals > $this->post->cancels) {
            throw new Interrupted('the time of the call is over');
        }
    }

    /** A child that the function forked ends here: the answer is its parent's to give. */
    private function endIfForked(): void
    {
        if (posix_getpid() !== $this->pid) {
            posix_kill(posix_getpid(), SIGKILL); // `exit` would run what the parent is to run
        }
    }

    private function reply(Answer $answer): void
    {
        if ($answer->parts !== null) {
            $this->stream($answer);
        } elseif (strlen($answer->body) <= self::WHOLE_LIMIT) {
            $this->post->send(Channel::ANSWER, false, $answer->status, $answer->head, $answer->body);
        } else {
            $this->start($answer, strlen($answer->body));
            $this->sendChunks($answer->body);
            $this->post->send(Channel::LAST, false);
        }
    }

    /** A generator that is stopped runs its `finally` blocks when nothing refers to it. */
    private function stream(Answer $answer): void
    {
        $this->guarded(function () use ($answer): void {
            foreach ($answer->parts as $part) {
                $this->unguarded(fn () => $this->sendPart($answer, $part));
            }
        });
        if (!$this->started) {
            $this->start($answer, null);
        }
        $this->post->send(Channel::LAST, false);
    }

    private function sendPart(Answer $answer, mixed $part): void
    {
        $part = Answer::part($part);
        if (!$this->started) {
            $this->start($answer, null);
        }
        $this->sendChunks($part);
    }

    private function start(Answer $answer, ?int $length): void
    {
        $this->post->send(Channel::HEAD, $answer->status, $answer->head, $length);
        $this->started = true;
        $this->credit = Channel::WINDOW;
    }

    private function sendChunks(string $body): void
    {
        for ($offset = 0; $offset < strlen($body); $offset += Channel::CHUNK_SIZE) {
            if ($this->credit === 0) {
                $this->awaitCredit();
            }
            $this->credit--;
            $this->post->send(Channel::CHUNK, substr($body, $offset, Channel::CHUNK_SIZE));
        }
    }

    private function awaitCredit(): void
    {
        $message = $this->post->receive();
        if ($message === null || $message[0] !== Channel::MORE) {
            throw new Interrupted('nobody reads the answer');
        }
        $this->credit++;
    }

    private function fail(?string $id, \Throwable $error): void
    {
        $failure = new Failure($error);
        $name = $id ?? 'without an id';
        fwrite(STDERR, "{$this->settings->title()}: call $name failed: {$failure->line()}\n");
        if (!$error instanceof Unanswerable) {
            $failure->writeTrace();
        }
        $this->started ? $this->post->send(Channel::LAST, true) : $this->say(500, self::FAILED, true);
    }

    /** An answer of the server's own. */
    private function say(int $status, string $text, bool $failed): void
    {
        $this->post->send(Channel::ANSWER, $failed, $status, Front::PLAIN, $text);
    }
}
