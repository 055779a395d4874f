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

    /** A call that has waited so long is worth another process; short bursts are not. */
    private const GROW_AFTER = 0.02;

    /** Workers beyond the first are stopped after being idle so long. */
    private const IDLE_LIFE = 60.0;

    private const LONGEST_RESPAWN_DELAY = 10.0;

    /** @var list<WorkerLink> */
    private array $links = [];

    /** @var list<Call> */
    private array $waiting = [];

    private bool $loaded = false;
    private bool $closing = false;
    private bool $ticking = false;
    private bool $trimming = false;
    private float $respawnAt = 0.0;
    private float $respawnDelay = 0.1;

    /** The front is told by `loaded`, `loadFailed` and `eased`. */
    public function __construct(
        private readonly Front $front,
        private readonly Settings $settings,
        private readonly Reactor $reactor,
        private readonly Metrics $metrics,
    ) {
    }

    /** Start a worker; throws StartFailure. */
    public function add(): void
    {
        $this->links[] = new WorkerLink(WorkerProcess::start(), $this->reactor, $this->hear(...));
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
        return count($this->waiting) + count(array_filter($this->links, $unanswered));
    }

    /** Whether no call is waiting or running. */
    public function isIdle(): bool
    {
        return !$this->waiting && !$this->first(fn (WorkerLink $link) => $link->call !== null);
    }

    /** Whether every worker is gone. */
    public function isEmpty(): bool
    {
        return !$this->links;
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
        if (count($this->waiting) >= $this->settings->queue && !$this->freeLink()) {
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
        $this->linkOf($call)?->more();
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
        foreach ($this->links as $link) {
            if ($link->process->reap()) {
                $this->links = array_values(array_filter($this->links, fn ($one) => $one !== $link));
                $link->hearOut();
                $this->bury($link);
            }
        }
        $this->assign();
        $this->front->eased();
        $this->watch();
    }

    /** End every worker. */
    public function close(): void
    {
        $this->closing = true;
        foreach ($this->links as $link) {
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
        $this->respawnDelay = 0.1;
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
        while ($this->waiting && ($link = $this->freeLink())) {
            $link->begin(array_shift($this->waiting));
        }
    }

    private function freeLink(): ?WorkerLink
    {
        return $this->first(fn (WorkerLink $link) => $link->isFree());
    }

    private function linkOf(Call $call): ?WorkerLink
    {
        return $this->first(fn (WorkerLink $link) => $link->call === $call);
    }

    private function first(\Closure $holds): ?WorkerLink
    {
        foreach ($this->links as $link) {
            if ($holds($link)) {
                return $link;
            }
        }
        return null;
    }

    /** Keep the sweep going while anything has a time limit. */
    private function watch(): void
    {
        if ($this->ticking) {
            return;
        }
        // Running, starting or retiring.
        $limited = fn (WorkerLink $link) => $link->call !== null || !$link->isReady();
        if ($this->waiting || $this->first($limited) || $this->isLacking()) {
            $this->ticking = true;
            $this->reactor->after(self::TICK, $this->tick(...));
        }
    }

    /** Whether there is no worker to take a call. */
    private function isLacking(): bool
    {
        return $this->isReady() && !$this->first(fn (WorkerLink $link) => !$link->isRetiring());
    }

    private function tick(): void
    {
        $this->ticking = false;
        $now = $this->reactor->now();
        $this->expireWaiting($now);
        foreach ($this->links as $link) {
            if ($link->call !== null && !$link->call->settled && $now >= $link->call->deadline) {
                $this->expire($link->call);
            }
            $link->endIfOverdue($now);
        }
        $this->grow($now);
        $this->watch();
        if (!$this->ticking && count($this->links) > 1) {
            $this->trimLater(self::IDLE_LIFE);
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
        $this->linkOf($call)?->interrupt();
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
            $this->delayRespawn();
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

    /** A worker that dies before it is ready would be replaced for ever, and at once. */
    private function delayRespawn(): void
    {
        $this->respawnAt = $this->reactor->now() + $this->respawnDelay;
        $this->respawnDelay = min($this->respawnDelay * 2, self::LONGEST_RESPAWN_DELAY);
    }

    /** Start workers: the one that must be there, and those that waiting calls need. */
    private function grow(float $now): void
    {
        if (!$this->isReady() || $now < $this->respawnAt) {
            return;
        }
        $living = array_filter($this->links, fn (WorkerLink $link) => !$link->isRetiring());
        $wanted = $living ? 0 : 1;
        if ($this->waiting && $now - $this->waiting[0]->received > self::GROW_AFTER) {
            $starting = count(array_filter($living, fn (WorkerLink $link) => !$link->isReady()));
            $room = $this->settings->concurrency - count($living);
            $wanted = max($wanted, min($room, count($this->waiting) - $starting));
        }
        try {
            while ($wanted-- > 0) {
                $this->add();
            }
        } catch (StartFailure $error) {
            $this->front->tell("starting a worker: {$error->getMessage()}");
            $this->delayRespawn();
        }
    }

    private function trimLater(float $seconds): void
    {
        if (!$this->trimming) {
            $this->trimming = true;
            $this->reactor->after($seconds, $this->trim(...));
        }
    }

    /** Stop workers that have had nothing to do for long, but for the first. */
    private function trim(): void
    {
        $this->trimming = false;
        if ($this->closing) {
            return;
        }
        $now = $this->reactor->now();
        $idle = array_filter($this->links, fn (WorkerLink $link) => $link->isFree());
        foreach (array_slice($idle, 1) as $link) {
            if ($now - $link->idleSince >= self::IDLE_LIFE) {
                $link->stop();
            }
        }
        if (count($idle) > 1) {
            $this->trimLater(self::IDLE_LIFE / 4);
        }
        $this->watch();
    }
}
