<?php

declare(strict_types=1);

namespace Tidegate;

/** The call's time is over: thrown inside the function, beyond `catch (\Exception $error)`. */
final class Interrupted extends \Error
{
}
