[
  inputs: ["{mix,.formatter}.exs", "{lib,test,bench,scripts,examples}/**/*.{ex,exs}"],
  line_length: 98
]
