;; The function of the other yardsticks: it takes `value` out of `{"value":…}`. Its memory is as large as that of a small
;; program, and has initial data in several pages.
(module
  (memory (export "memory") 17)
  (data (i32.const 1024) "initial data of a small program, which an instance reads and does not write")
  (data (i32.const 131072) "and some more of it")
  ;; Where the request is put.
  (global (export "room") i32 (i32.const 65536))
  (global $calls (mut i32) (i32.const 0))
  ;; Of a request of that many bytes: where the value begins, and how many bytes it has in the upper half. An instance that
  ;; was called before would answer with nothing.
  (func (export "run") (param $length i32) (result i64)
    (if (i32.or (global.get $calls) (i32.lt_s (local.get $length) (i32.const 10)))
      (then (return (i64.const 0))))
    (global.set $calls (i32.const 1))
    (i64.or
      (i64.extend_i32_u (i32.add (i32.const 65536) (i32.const 9)))
      (i64.shl (i64.extend_i32_u (i32.sub (local.get $length) (i32.const 10))) (i64.const 32)))))
