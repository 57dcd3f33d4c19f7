{
  "targets": [
    {
      "target_name": "turnpike",
      "sources": [
        "<!@(node -p \"const s = require('./native/sources.json'); [...s.core, ...s.binding].join(' ')\")"
      ],
      "include_dirs": ["native", "native/base/skeleton"],
      "dependencies": [
        "<!(node -p \"require('node-addon-api').targets\"):node_addon_api"
      ],
      "defines": ["NAPI_VERSION=9", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
      "cflags_cc": ["-std=c++20", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"]
    }
  ]
}
