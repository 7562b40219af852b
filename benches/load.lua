-- Sends the request targets of a file, in turn, and prints the result as one line of JSON.
-- Arguments behind `--`: the file, and a word that makes this run's numbers its own.
--
-- A line without `{n}` is built once. One with it is built once around the number, so that a request costs the load
-- generator a concatenation and no more.

local built = {}
local run = ""
local sent = 0

function init(arguments)
   run = arguments[2]
   wrk.headers["Host"] = "shareasale.com"
   wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
   wrk.headers["Accept"] = "text/html,image/avif,image/webp,*/*;q=0.8"
   wrk.headers["Accept-Language"] = "en-GB,en;q=0.7"
   wrk.headers["Referer"] = "https://www.reviews.example/best-of/"
   for line in io.lines(arguments[1]) do
      if line ~= "" and line:sub(1, 1) ~= "#" then
         local request = wrk.format("GET", line)
         local from, to = request:find("{n}", 1, true)
         if from then
            table.insert(built, { head = request:sub(1, from - 1) .. run .. "-", tail = request:sub(to + 1) })
         else
            table.insert(built, { whole = request })
         end
      end
   end
end

function request()
   sent = sent + 1
   local next = built[sent % #built + 1]
   return next.whole or (next.head .. sent .. next.tail)
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
