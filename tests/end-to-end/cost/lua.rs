//! The same job in Envoy's Lua filter, by patterns over the whole body.

use serde_json::{Value, json};

/// The members whose texts are replaced, as the other filter of the comparison has them.
const SCRIPT: &str = r#"
local names = {"family", "birthDate", "value", "city", "postalCode", "display"}
local lists = {"given", "line"}
function envoy_on_response(handle)
  local body = handle:body()
  if body == nil then return end
  local text = body:getBytes(0, body:length())
  for _, name in ipairs(names) do
    text = text:gsub('("' .. name .. '"%s*:%s*)"[^"]*"', '%1"[masked]"')
  end
  for _, name in ipairs(lists) do
    text = text:gsub('("' .. name .. '"%s*:%s*)%[[^%]]*%]', '%1["[masked]"]')
  end
  text = text:gsub('%d%d%d%-%d%d%-%d%d%d%d', '[masked:ssn]')
  body:setBytes(text)
end
"#;

/// The filter, for the chain.
pub(crate) fn filter() -> Value {
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": SCRIPT},
        },
    })
}
