# frozen_string_literal: true

# The design of Kubeless's server for Ruby: Sinatra on WEBrick, a thread for each connection, and a
# timeout that raises in it. It is asked by a proxy (go.go), for which it serves `/` on PORT. It
# logs nothing, which is in its favour.

require "json"
require "sinatra"
require "timeout"
require "webrick"

TIMEOUT = 180
CONTEXT = { "function-name": ARGV[0], timeout: TIMEOUT.to_s, runtime: "ruby" }.freeze
FUNCTIONS = {
  "context" => ->(_event, context) { context.to_json },
  "wait" => ->(_event, _context) { sleep(0.05) && "awake" },
}.freeze
FUNCTION = FUNCTIONS.fetch(ARGV[0])

set :server, "webrick"
set :bind, "127.0.0.1"
set :port, ENV.fetch("PORT")
set :environment, :production
set :logging, false
set :quiet, true
set :server_settings, AccessLog: [], Logger: WEBrick::BasicLog.new(File::NULL)

def data
  return "" unless request.env.fetch("CONTENT_LENGTH", "0") > "0"

  text = request.body.read
  request.env["CONTENT_TYPE"] == "application/json" ? JSON.parse(text) : text
end

before do
  @event = {
    data: data,
    "event-id": request.env["HTTP_EVENT_ID"],
    "event-type": request.env["HTTP_EVENT_TYPE"],
    "event-time": request.env["HTTP_EVENT_TIME"],
    "event-namespace": request.env["HTTP_EVENT_NAMESPACE"],
    extensions: { request: request },
  }
end

answer = lambda do
  Timeout.timeout(TIMEOUT) { FUNCTION.call(@event, CONTEXT) }
rescue Timeout::Error
  status 408
end

get("/") { instance_exec(&answer) }
post("/") { instance_exec(&answer) }
