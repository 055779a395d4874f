<?php

declare(strict_types=1);

namespace Tidegate;

/** Finds the function that the environment names. */
final class Loader
{
    public function __construct(private readonly Settings $settings)
    {
    }

    /**
     * The files that define the function: what Composer has installed comes first.
     *
     * @return list<string>
     */
    public function files(): array
    {
        set_include_path(get_include_path() . PATH_SEPARATOR . $this->settings->folder);
        $autoload = "{$this->settings->folder}/vendor/autoload.php";
        $path = $this->settings->path();
        if (!is_file($path)) {
            throw new LoadFailure("there is no file $path");
        }
        return is_file($autoload) ? [$autoload, $path] : [$path];
    }

    /** The function, once its files have run; throws LoadFailure. */
    public function find(): callable
    {
        $name = $this->settings->handler;
        foreach (get_defined_functions()['user'] as $function) {
            // In whatever namespace its file has.
            if (strcasecmp($name, basename(strtr($function, '\\', '/'))) === 0 && $this->isOurs($function)) {
                return $function;
            }
        }
        $path = $this->settings->path();
        if (defined($name)) {
            throw new LoadFailure("'$name' in $path is not a function");
        }
        throw new LoadFailure("$path defines no '$name'");
    }

    /** Whether a function is not a dependency's with the same name, but for the top level's. */
    private function isOurs(string $function): bool
    {
        $file = (string) (new \ReflectionFunction($function))->getFileName();
        return !str_contains($function, '\\') || $file === realpath($this->settings->path());
    }
}
