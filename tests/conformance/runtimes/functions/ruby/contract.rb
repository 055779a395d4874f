# frozen_string_literal: true

# The functions that every language's contract suite runs, in Ruby: what users write, good and bad
# on purpose.

require "json"

# What the function was given, as JSON.
def echo(event, _context)
  request = event[:extensions][:request]
  {
    data: shown(event[:data], request.content_type),
    "event-id": event[:"event-id"],
    "event-type": event[:"event-type"],
    "event-time": event[:"event-time"],
    "event-namespace": event[:"event-namespace"],
    cloudevent: event[:cloudevent],
    request: {
      method: request.method, path: request.path,
      query_string: request.query_string, query: request.query
    }
  }
end

JSON_TYPES = %r{\Aapplication/([a-z.]+\+)?json}i

# Bytes and a JSON string are both strings: the media type tells them apart.
def shown(data, type)
  return { json: data } if JSON_TYPES.match?(type)

  { bytes: data.dup.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8) }
end

def context(_event, context)
  context
end

# An answer that can be returned and raised.
class Teapot < StandardError
  def status = 418
  def headers = { "X-Kind" => "teapot" }
  def body = "short and stout"
end

def shaped(event)
  response = event[:extensions][:response]
  response.status = 201
  response.headers["X-Shaped"] = "yes"
  response.content_type = "text/csv"
  "a,b"
end

def parts
  Enumerator.new do |stream|
    stream << "one "
    stream << "two".b
  end
end

ANSWERS = {
  "/text" => ->(_) { "grüße" },
  "/bytes" => ->(_) { "\x00\xff".b },
  "/object" => ->(_) { { a: [1, nil, true] } },
  "/list" => ->(_) { ["a", 1] },
  "/number" => ->(_) { 42 },
  "/false" => ->(_) { false },
  "/nothing" => ->(_) {},
  "/status" => ->(_) { ["made", 201, {}] },
  "/status-headers" => ->(_) { ["".b, 302, { "Location" => "/elsewhere" }] },
  "/response" => ->(_) { Teapot.new },
  "/raised" => ->(_) { raise Teapot },
  "/shaped" => method(:shaped),
  "/parts" => ->(_) { parts },
  "/no-content" => ->(_) { Tidegate::Response.new(nil, 204) },
  "/unwritable" => ->(_) { Object.new },
  "/bad-header" => ->(_) { ["", 200, { "X-Bad" => "a\r\nSet-Cookie: b" }] },
  "/bad-status" => ->(_) { ["", 99, {}] },
  "/large" => ->(_) { "x".b * 3_000_000 }
}.freeze

def reply(event, _context)
  ANSWERS.fetch(event[:extensions][:request].path).call(event)
end

$counter = 0

def count(_query)
  $counter += 1
  { count: $counter, pid: Process.pid }
end

# Computes in C, holding the interpreter: no exception gets in.
def block(_query)
  "x".crypt("$6$rounds=999999999$salt")
end

def swallow(_query)
  sleep
rescue Exception
  retry
end

def split(_query)
  fork ? "the parent" : "the child"
end

$kept = []

def leak(_query)
  loop { $kept << ("x" * 1_000_000) }
end

# Start programs that go on, and leave them alone.
def litter(_query)
  Array.new(3) { spawn("sleep", "1000") }
end

def chatter(_query)
  line = "x" * 1000
  20_000.times { puts line }
  "said"
end

# Wait until the other party has come, too: only calls that run side by side meet.
def meet(query)
  File.write(File.join(query["folder"], query["me"]), "")
  sleep 0.005 until File.exist?(File.join(query["folder"], query["other"]))
  "met"
end

def endless(_query)
  Enumerator.new do |stream|
    part = "x" * 65_536
    loop { stream << part }
  end
end

def broken(_query)
  Enumerator.new do |stream|
    stream << "one"
    raise ArgumentError, "the reason"
  end
end

def stuck(_query)
  Enumerator.new do |stream|
    stream << "one"
    sleep
  end
end

def nap(query)
  File.write(query["file"], "")
  sleep Float(query["seconds"])
  "awake"
ensure
  File.write("#{query["file"]}.unwound", "")
end

ACTS = {
  "count" => method(:count),
  "fail" => ->(_) { raise ArgumentError, "the reason" },
  "spin" => ->(_) { loop {} },
  "sleep" => ->(_) { sleep },
  "block" => method(:block),
  "swallow" => method(:swallow),
  "exit" => ->(_) { exit 7 },
  "die" => ->(_) { exit! 7 },
  # Not SEGV: Ruby writes pages about itself before it ends.
  "crash" => ->(_) { Process.kill(:ABRT, Process.pid) && sleep },
  "fork" => method(:split),
  "leak" => method(:leak),
  "litter" => method(:litter),
  "chatter" => method(:chatter),
  "meet" => method(:meet),
  "endless" => method(:endless),
  "broken" => method(:broken),
  "stuck" => method(:stuck),
  "nap" => method(:nap)
}.freeze

# Do what the query says, as good and bad functions do.
def act(event, _context)
  query = event[:extensions][:request].query
  ACTS.fetch(query["do"]).call(query)
end
