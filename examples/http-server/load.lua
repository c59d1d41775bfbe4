-- SPDX-License-Identifier: MIT
-- arena-http-server: what wrk sends, and how it judges the answers.
--
--   wrk ... --script load.lua URL -- FIELDS
--
-- FIELDS is the service's --fields.  Each thread goes through the requests below in turn.  wrk does not tell which
-- request an answer belongs to, so an answer is right when it is, to the byte, the answer to one of them.  Results
-- are printed one a line, as "load NAME NUMBER".

local texts = {}
local answers = {}
local position = 0
local threads = {}

-- Globals: wrk reads them from each thread at the end.
answered = 0
wrong = 0

local function document(path, method, used, fields, rest)
    return string.format('{"path":"%s","method":"%s","used":%d,"remaining":%d,%s}\n', path, method, used,
                         fields - used, rest)
end

local function add(method, path, body, answer)
    local headers = {["Content-Type"] = body and "application/x-www-form-urlencoded" or nil}
    table.insert(texts, wrk.format(method, path, headers, body))
    answers[answer] = true
end

function setup(thread)
    table.insert(threads, thread)
end

function init(arguments)
    local fields = tonumber(arguments[1])
    add("GET", "/parse?name=Ada+Lovelace&born=1815&city=London", nil,
        document("/parse", "GET", 3, fields, '"fields":[{"key":"name","value":"Ada Lovelace"},' ..
                 '{"key":"born","value":"1815"},{"key":"city","value":"London"}]'))
    add("POST", "/parse?page=2", "text=caf%C3%A9+%26+cr%C3%A8me&empty=&done",
        document("/parse", "POST", 4, fields, '"fields":[{"key":"page","value":"2"},' ..
                 '{"key":"text","value":"café & crème"},{"key":"empty","value":""},{"key":"done","value":""}]'))
    add("GET", "/sum?n=10&n=20&n=-5", nil, document("/sum", "GET", 3, fields, '"sum":25'))
    add("POST", "/parse", "long=" .. string.rep("x", 4000),
        document("/parse", "POST", 1, fields, '"fields":[{"key":"long","value":"' .. string.rep("x", 4000) .. '"}]'))
    add("GET", "/healthz", nil, "ok")
end

function request()
    position = position % #texts + 1
    return texts[position]
end

function response(status, headers, body)
    answered = answered + 1
    if status ~= 200 or not answers[body] then wrong = wrong + 1 end
end

function done(summary, latency, requests)
    local answered_total, wrong_total = 0, 0
    for _, thread in ipairs(threads) do
        answered_total = answered_total + thread:get("answered")
        wrong_total = wrong_total + thread:get("wrong")
    end
    local errors = summary.errors
    local function print_result(name, value) print(string.format("load %s %.0f", name, value)) end
    print_result("answered", answered_total)
    print_result("wrong", wrong_total)
    print_result("lost", errors.connect + errors.read + errors.write + errors.timeout)
    print_result("per_second", summary.requests / (summary.duration / 1e6))
    print_result("p50_us", latency:percentile(50))
    print_result("p90_us", latency:percentile(90))
    print_result("p99_us", latency:percentile(99))
end
