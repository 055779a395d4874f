<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * Runs calls in workers, one at a time in each.
 *
 * A call is waiting -> running -> settled (its client has an answer) -> ended (its worker said so,
 * or is gone). A worker is starting -> ready -> retiring (no new calls) -> reaped. When a call's
 * time is over it is settled with 408 and interrupted; if it has not ended after a grace, its
 * worker is killed.
 */
final class Pool
{
    /** Deadlines are swept this often while there are calls: exact enough, and free per call. */
    private const TICK = 0.02;

    private readonly Workers $workers;

    /** @var list<Call> */
    private array $waiting = [];

    private bool $loaded = false;
    private bool $closing = false;
    private bool $ticking = false;
    private bool $trimming = false;

    /** The front is told by `loaded`, `loadFailed` and `eased`. */
    public function __construct(
        private readonly Front $front,
        private readonly Settings $settings,
        private readonly Reactor $reactor,
        private readonly Metrics $metrics,
    ) {
        $this->workers = new Workers($settings->concurrency, $reactor, $this->hear(...));
    }

    /** Start a worker; throws StartFailure. */
    public function add(): void
    {
        $this->workers->add();
    }

    /** Whether a call would be run now or soon. */
    public function isReady(): bool
    {
        return $this->loaded && !$this->closing;
    }

    /** Calls that have no answer yet. */
    public function unfinished(): int
    {
        $unanswered = fn (WorkerLink $link) => $link->call !== null && !$link->call->settled;
        return count($this->waiting) + $this->workers->count($unanswered);
    }

    /** Whether no call is waiting or running. */
    public function isIdle(): bool
    {
        return !$this->waiting && !$this->workers->count(fn (WorkerLink $link) => $link->call !== null);
    }

    /** Whether every worker is gone. */
    public function isEmpty(): bool
    {
        return !$this->workers->all();
    }

    /** Run the call, or throw Unavailable. */
    public function submit(Call $call): void
    {
        if (!$this->loaded) {
            throw new Unavailable('the function is not loaded yet');
        }
        if ($call->deadline <= $call->received) {
            throw new Unavailable("the call's deadline had passed when it came");
        }
        if (count($this->waiting) >= $this->settings->queue && !$this->workers->free()) {
            throw new Unavailable('the function is busy and its queue is full');
        }
        $this->waiting[] = $call;
        $this->assign();
        $this->watch();
    }

    /** Whether the call has not begun. */
    public function isWaiting(Call $call): bool
    {
        return in_array($call, $this->waiting, true);
    }

    /** The call's client has taken a chunk. */
    public function more(Call $call): void
    {
        $this->workers->running($call)?->more();
    }

    /**
     * The client has gone: a waiting call is dropped, a streamed answer is stopped. A function that
     * is computing goes on: what it does besides answering is its own.
     */
    public function forget(Call $call): void
    {
        if ($this->isWaiting($call)) {
            $this->waiting = array_values(array_filter($this->waiting, fn (Call $one) => $one !== $call));
        } elseif ($call->streaming && !$call->settled) {
            $this->settle($call, false);
            $this->interrupt($call);
        }
    }

    /** Some process has ended: settle what it ran, and replace it where needed. */
    public function reap(): void
    {
        foreach ($this->workers->ended() as $link) {
            $link->hearOut();
            $this->bury($link);
        }
        $this->assign();
        $this->front->eased();
        $this->watch();
    }

    /** End every worker. */
    public function close(): void
    {
        $this->closing = true;
        foreach ($this->workers->all() as $link) {
            if ($link->isFree()) {
                $link->stop();
            } elseif (!$link->isRetiring()) {
                $link->kill();
            }
        }
        $this->watch();
    }

    /** @param list<mixed> $message */
    private function hear(WorkerLink $link, array $message): void
    {
        $kind = array_shift($message);
        if ($kind === Channel::READY) {
            $this->welcome($link);
        } elseif ($kind === Channel::FAILED) {
            $this->refuse(...$message);
        } elseif ($link->call !== null) {
            $this->advance($link, $link->call, $kind, $message);
        }
    }

    private function welcome(WorkerLink $link): void
    {
        $link->welcome();
        $this->workers->succeeded();
        if (!$this->loaded) {
            $this->loaded = true;
            $this->front->loaded();
        }
        $this->assign();
    }

    private function refuse(string $sentence): void
    {
        if ($this->loaded) {
            $this->front->tell("a further worker: $sentence");
        } else {
            $this->front->loadFailed($sentence);
        }
    }

    /**
     * Take what a worker says of the call that it runs.
     *
     * @param list<mixed> $rest
     */
    private function advance(WorkerLink $link, Call $call, int $kind, array $rest): void
    {
        if ($kind === Channel::ANSWER || $kind === Channel::LAST) {
            if (!$call->settled) {
                $this->conclude($call, $kind, ...$rest);
            }
            $this->endCall($link);
        } elseif ($kind === Channel::HEAD && !$call->settled) {
            $call->streaming = true;
            $call->reply->start(...$rest);
        } elseif ($kind === Channel::CHUNK && !$call->settled) {
            $call->reply->chunk(...$rest);
        }
    }

    private function conclude(Call $call, int $kind, bool $failed, mixed ...$answer): void
    {
        $this->settle($call, $failed);
        if ($kind === Channel::ANSWER) {
            $call->reply->respond(...$answer);
        } elseif ($failed) {
            $call->reply->abort();
        } else {
            $call->reply->finish();
        }
    }

    private function settle(Call $call, bool $failed): void
    {
        $call->settled = true;
        $this->metrics->observe($call->head->method, $this->reactor->now() - $call->received, $failed);
    }

    private function endCall(WorkerLink $link): void
    {
        $link->endCall();
        $this->assign();
        $this->front->eased();
    }

    /** Give waiting calls to workers that are free: the first ones, so that others can be stopped. */
    private function assign(): void
    {
        while ($this->waiting && ($link = $this->workers->free())) {
            $link->begin(array_shift($this->waiting));
        }
    }

    /** Keep the sweep going while anything has a time limit. */
    private function watch(): void
    {
        if ($this->ticking) {
            return;
        }
        // Running, starting or retiring.
        $limited = fn (WorkerLink $link) => $link->call !== null || !$link->isReady();
        $lacking = $this->isReady() && $this->workers->areLacking();
        if ($this->waiting || $lacking || $this->workers->count($limited)) {
            $this->ticking = true;
            $this->reactor->after(self::TICK, $this->tick(...));
        }
    }

    private function tick(): void
    {
        $this->ticking = false;
        $now = $this->reactor->now();
        $this->expireWaiting($now);
        foreach ($this->workers->all() as $link) {
            if ($link->call !== null && !$link->call->settled && $now >= $link->call->deadline) {
                $this->expire($link->call);
            }
            $link->endIfOverdue($now);
        }
        $this->grow($now);
        $this->watch();
        if (!$this->ticking && count($this->workers->all()) > 1) {
            $this->trimLater(Workers::IDLE_LIFE);
        }
    }

    private function expireWaiting(float $now): void
    {
        foreach ($this->waiting as $call) {
            if ($now >= $call->deadline) {
                $this->forget($call);
                $sentence = "the function was busy until the call's deadline\n";
                $call->reply->respond(503, Front::RETRY, $sentence);
            }
        }
    }

    private function expire(Call $call): void
    {
        $seconds = sprintf('%.3f', $this->reactor->now() - $call->received);
        $request = "{$call->head->method} {$call->head->path()}";
        $this->front->tell("$request: stopped after $seconds s: its time is over");
        $this->settle($call, true);
        if ($call->streaming) {
            $call->reply->abort();
        } else {
            $call->reply->respond(408, Front::PLAIN, "the function took longer than its timeout\n");
        }
        $this->interrupt($call);
    }

    private function interrupt(Call $call): void
    {
        $this->workers->running($call)?->interrupt();
        $this->watch();
    }

    /** Settle what a dead worker ran. */
    private function bury(WorkerLink $link): void
    {
        $ending = $link->process->ending();
        if (!$this->loaded && !$this->closing) {
            $this->front->loadFailed("loading {$this->settings->title()}: its process $ending during import");
        }
        $lost = $link->call !== null && !$link->call->settled ? 1 : 0;
        if ($lost === 1) {
            $this->failLost($link->call);
        }
        if ($lost === 1 || !($link->isRetiring() || $this->closing)) {
            $this->front->tell("worker {$link->process->pid} $ending with $lost calls in flight");
        }
        if (!$link->isReady() && !$link->isRetiring()) {
            $this->workers->failed();
        }
        $link->endCall();
    }

    private function failLost(Call $call): void
    {
        $this->settle($call, true);
        if ($call->streaming) {
            $call->reply->abort();
        } else {
            $call->reply->respond(500, Front::PLAIN, "the function's process ended during the call\n");
        }
    }

    /** Start workers: the one that must be there, and those that waiting calls need. */
    private function grow(float $now): void
    {
        if (!$this->isReady()) {
            return;
        }
        $late = array_filter($this->waiting, fn (Call $call) => $now - $call->received > Workers::GROW_AFTER);
        try {
            $this->workers->grow($now, count($late));
        } catch (StartFailure $error) {
            $this->front->tell("starting a worker: {$error->getMessage()}");
        }
    }

    private function trimLater(float $seconds): void
    {
        if (!$this->trimming) {
            $this->trimming = true;
            $this->reactor->after($seconds, $this->trim(...));
        }
    }

    private function trim(): void
    {
        $this->trimming = false;
        if ($this->closing) {
            return;
        }
        if ($this->workers->trim()) {
            $this->trimLater(Workers::IDLE_LIFE / 4);
        }
        $this->watch();
    }
}
