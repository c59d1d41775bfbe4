/* SPDX-License-Identifier: MIT */
/* Linked into every object of a coverage build, with --wrap=abort: what a process that aborts has covered counts too.
 * Many tests are about processes that abort. */
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);
int __llvm_profile_write_file(void);
void __llvm_profile_reset_counters(void);
const char *__tsan_default_options(void);

__attribute__((visibility("hidden"))) _Noreturn void __wrap_abort(void) {
    (void)__llvm_profile_write_file();
    __real_abort();
}

/* And what the last destructors have, which run when the counts were written. */
__attribute__((destructor)) static void begin_again(void) { __llvm_profile_reset_counters(); }
__attribute__((destructor(100))) static void write_the_rest(void) { (void)__llvm_profile_write_file(); }

/* clang's notes of conditions are plain reads beside atomic writes: races.  The library's are looked for elsewhere. */
const char *__tsan_default_options(void) { return "report_bugs=0"; }
