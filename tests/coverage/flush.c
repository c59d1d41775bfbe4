/* SPDX-License-Identifier: MIT */
/* Linked into every object of a coverage build, with --wrap=abort: what a process that aborts has covered counts too.
 * Many tests are about processes that abort. */
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);
int __llvm_profile_write_file(void);
const char *__tsan_default_options(void);

__attribute__((visibility("hidden"))) _Noreturn void __wrap_abort(void) {
    (void)__llvm_profile_write_file();
    __real_abort();
}

/* clang's notes of conditions are plain reads beside atomic writes: races.  The library's are looked for elsewhere. */
const char *__tsan_default_options(void) { return "report_bugs=0"; }
