//! What exists in Ruby. It tells a mistake in a template (an error in any Ruby) from something that
//! cart-erb does not evaluate but a real `erb` would.
//!
//! Read off Ruby 3.1: `instance_methods` of each class without those of `Object`, the private
//! methods and constants of `Object`.

/// True if Ruby has this method for values of this class.
pub(crate) fn is_method(class: &str, name: &str) -> bool {
    has(OBJECT, name)
        || match class {
            "String" => has(STRING, name),
            "Symbol" => has(SYMBOL, name),
            "Integer" => has(INTEGER, name),
            "Float" => has(FLOAT, name),
            "NilClass" => has(NIL, name),
            "TrueClass" | "FalseClass" => has("& ^ |", name),
            "Array" => has(ARRAY, name) || has(ENUMERABLE, name),
            "Hash" => has(HASH, name) || has(ENUMERABLE, name),
            "Range" => has(RANGE, name) || has(ENUMERABLE, name),
            "Enumerator" => has(ENUMERATOR, name) || has(ENUMERABLE, name),
            "Regexp" => has(REGEXP, name),
            "MatchData" => has(MATCH, name),
            "Class" | "Module" => has(CLASS, name),
            class if class.ends_with("Error") => has(EXCEPTION, name),
            _ => false,
        }
}

/// True if `ENV` has this method.
pub(crate) fn is_env_method(name: &str) -> bool {
    has(ENV, name) || has(ENUMERABLE, name) || has(OBJECT, name)
}

/// True if `File` has this method.
pub(crate) fn is_file_method(name: &str) -> bool {
    has(FILE, name) || has(CLASS, name) || has(OBJECT, name)
}

/// True if Ruby has this function (a private method of every object), such as `puts`.
pub(crate) fn is_function(name: &str) -> bool {
    has(FUNCTIONS, name)
}

/// True if Ruby has this constant.
pub(crate) fn is_constant(name: &str) -> bool {
    has(CONSTANTS, name)
}

fn has(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|known| known == name)
}

/// Methods of every object.
const OBJECT: &str = "\
    ! != !~ <=> == === =~ __id__ __send__ class clone define_singleton_method display dup enum_for \
    eql? equal? extend freeze frozen? hash inspect instance_eval instance_exec instance_of? \
    instance_variable_defined? instance_variable_get instance_variable_set instance_variables \
    is_a? itself kind_of? method methods nil? object_id private_methods protected_methods \
    public_method public_methods public_send remove_instance_variable respond_to? send \
    singleton_class singleton_method singleton_methods taint tainted? tap then to_enum to_s trust \
    untaint untrust untrusted? yield_self";

/// Private methods of every object.
const FUNCTIONS: &str = "\
    Array Complex Float Hash Integer Rational String __callee__ __dir__ __method__ ` abort at_exit \
    autoload autoload? binding block_given? caller caller_locations catch eval exec exit exit! \
    fail fork format gem gem_original_require gets global_variables initialize initialize_clone \
    initialize_copy initialize_dup iterator? lambda load local_variables loop method_missing open \
    p pp print printf proc putc puts raise rand readline readlines require require_relative \
    respond_to_missing? select set_trace_func singleton_method_added singleton_method_removed \
    singleton_method_undefined sleep spawn sprintf srand syscall system test throw trace_var trap \
    untrace_var warn";

/// Methods of everything that has `each`.
const ENUMERABLE: &str = "\
    all? any? chain chunk chunk_while collect collect_concat compact count cycle detect drop \
    drop_while each each_cons each_entry each_slice each_with_index each_with_object entries \
    filter filter_map find find_all find_index first flat_map grep grep_v group_by include? inject \
    lazy map max max_by member? min min_by minmax minmax_by none? one? partition reduce reject \
    reverse_each select size slice_after slice_before slice_when sort sort_by sum take take_while \
    tally to_a to_h uniq zip";

/// Methods of `String`.
const STRING: &str = "\
    % * + +@ -@ < << <= > >= [] []= ascii_only? b between? bytes bytesize byteslice capitalize \
    capitalize! casecmp casecmp? center chars chomp chomp! chop chop! chr clamp clear codepoints \
    concat count crypt delete delete! delete_prefix delete_prefix! delete_suffix delete_suffix! \
    downcase downcase! dump each_byte each_char each_codepoint each_grapheme_cluster each_line \
    empty? encode encode! encoding end_with? force_encoding getbyte grapheme_clusters gsub gsub! \
    hex include? index insert intern length lines ljust lstrip lstrip! match match? next next! oct \
    ord partition prepend replace reverse reverse! rindex rjust rpartition rstrip rstrip! scan \
    scrub scrub! setbyte size slice slice! split squeeze squeeze! start_with? strip strip! sub \
    sub! succ succ! sum swapcase swapcase! to_c to_f to_i to_r to_str to_sym tr tr! tr_s tr_s! \
    undump unicode_normalize unicode_normalize! unicode_normalized? unpack unpack1 upcase upcase! \
    upto valid_encoding?";

/// Methods of `Symbol`.
const SYMBOL: &str = "\
    < <= > >= [] between? capitalize casecmp casecmp? clamp downcase empty? encoding end_with? \
    id2name intern length match match? name next size slice start_with? succ swapcase to_proc \
    to_sym upcase";

/// Methods of `Integer`.
const INTEGER: &str = "\
    % & * ** + +@ - -@ / < << <= > >= >> [] ^ abs abs2 allbits? angle anybits? arg between? \
    bit_length ceil chr clamp coerce conj conjugate denominator digits div divmod downto even? \
    fdiv finite? floor gcd gcdlcm i imag imaginary infinite? integer? lcm magnitude modulo \
    negative? next nobits? nonzero? numerator odd? ord phase polar positive? pow pred quo \
    rationalize real real? rect rectangular remainder round singleton_method_added size step succ \
    times to_c to_f to_i to_int to_r truncate upto zero? | ~";

/// Methods of `Float`.
const FLOAT: &str = "\
    % * ** + +@ - -@ / < <= > >= abs abs2 angle arg between? ceil clamp coerce conj conjugate \
    denominator div divmod fdiv finite? floor i imag imaginary infinite? integer? magnitude modulo \
    nan? negative? next_float nonzero? numerator phase polar positive? prev_float quo rationalize \
    real real? rect rectangular remainder round singleton_method_added step to_c to_f to_i to_int \
    to_r truncate zero?";

/// Methods of `nil`.
const NIL: &str = "\
    & ^ rationalize to_a to_c to_f to_h to_i to_r |";

/// Methods of `Array` that are not in `ENUMERABLE`.
const ARRAY: &str = "\
    & * + - << [] []= append assoc at bsearch bsearch_index clear collect! combination compact! \
    concat deconstruct delete delete_at delete_if difference dig each_index empty? fetch fill \
    filter! flatten flatten! index insert intersect? intersection join keep_if last length map! \
    pack permutation pop prepend product push rassoc reject! repeated_combination \
    repeated_permutation replace reverse reverse! rindex rotate rotate! sample select! shift \
    shuffle shuffle! slice slice! sort! sort_by! to_ary transpose union uniq! unshift values_at |";

/// Methods of `Hash` that are not in `ENUMERABLE`.
const HASH: &str = "\
    < <= > >= [] []= assoc clear compact! compare_by_identity compare_by_identity? \
    deconstruct_keys default default= default_proc default_proc= delete delete_if dig each_key \
    each_pair each_value empty? except fetch fetch_values filter! flatten has_key? has_value? \
    invert keep_if key key? keys length merge merge! rassoc rehash reject! replace select! shift \
    slice store to_hash to_proc transform_keys transform_keys! transform_values transform_values! \
    update value? values values_at";

/// Methods of `Range` that are not in `ENUMERABLE`.
const RANGE: &str = "\
    % begin bsearch cover? end exclude_end? last step";

/// Methods of `Enumerator` that are not in `ENUMERABLE`.
const ENUMERATOR: &str = "\
    + feed next next_values peek peek_values rewind with_index with_object";

/// Methods of `Regexp`.
const REGEXP: &str = "\
    casefold? encoding fixed_encoding? match match? named_captures names options source ~";

/// Methods of `MatchData`.
const MATCH: &str = "\
    [] begin captures end length match match_length named_captures names offset post_match \
    pre_match regexp size string to_a values_at";

/// Methods of `Exception`.
const EXCEPTION: &str = "\
    backtrace backtrace_locations cause exception full_message message set_backtrace";

/// Methods of `ENV` that are not in `ENUMERABLE`.
const ENV: &str = "\
    [] []= assoc clear delete delete_if each_key each_pair each_value empty? except fetch filter! \
    has_key? has_value? invert keep_if key key? keys length merge! rassoc rehash reject! replace \
    select! shift slice store to_hash update value? values values_at";

/// Methods of classes.
const CLASS: &str = "\
    < <= > >= alias_method allocate ancestors attr attr_accessor attr_reader attr_writer autoload \
    autoload? class_eval class_exec class_variable_defined? class_variable_get class_variable_set \
    class_variables const_defined? const_get const_missing const_set const_source_location \
    constants define_method deprecate_constant include include? included_modules instance_method \
    instance_methods method_defined? module_eval module_exec name new prepend private_class_method \
    private_constant private_instance_methods private_method_defined? protected_instance_methods \
    protected_method_defined? public_class_method public_constant public_instance_method \
    public_instance_methods public_method_defined? remove_class_variable remove_method \
    singleton_class? subclasses superclass undef_method";

/// Methods of `File` that are not in `CLASS`.
const FILE: &str = "\
    absolute_path absolute_path? atime basename binread binwrite birthtime blockdev? chardev? \
    chmod chown copy_stream ctime delete directory? dirname empty? executable? executable_real? \
    exist? exists? expand_path extname file? fnmatch fnmatch? for_fd foreach ftype grpowned? \
    identical? join lchmod lchown link lstat lutime mkfifo mtime open owned? path pipe pipe? popen \
    read readable? readable_real? readlines readlink realdirpath realpath rename select setgid? \
    setuid? size size? socket? split stat sticky? symlink symlink? sysopen truncate try_convert \
    umask unlink utime world_readable? world_writable? writable? writable_real? write zero?";

/// Constants.
const CONSTANTS: &str = "\
    ARGF ARGV ArgumentError Array BasicObject Bignum Binding CGI CROSS_COMPILING Class \
    ClosedQueueError Comparable Complex ConditionVariable DidYouMean Dir ENV EOFError ERB Encoding \
    EncodingError Enumerable Enumerator Errno ErrorHighlight Exception FalseClass Fiber FiberError \
    File FileTest Fixnum Float FloatDomainError FrozenError GC Gem Hash IO IOError IndexError \
    Integer Interrupt Kernel KeyError LoadError LocalJumpError Marshal MatchData Math Method \
    Module Monitor MonitorMixin Mutex NameError NilClass NoMatchingPatternError \
    NoMatchingPatternKeyError NoMemoryError NoMethodError NotImplementedError Numeric Object \
    ObjectSpace Proc Process Queue RUBYGEMS_ACTIVATION_MONITOR RUBY_COPYRIGHT RUBY_DESCRIPTION \
    RUBY_ENGINE RUBY_ENGINE_VERSION RUBY_PATCHLEVEL RUBY_PLATFORM RUBY_RELEASE_DATE RUBY_REVISION \
    RUBY_VERSION Ractor Random Range RangeError Rational RbConfig Refinement Regexp RegexpError \
    RubyVM RuntimeError STDERR STDIN STDOUT ScanError ScriptError SecurityError Signal \
    SignalException SizedQueue StandardError StopIteration String StringScanner Struct Symbol \
    SyntaxError SystemCallError SystemExit SystemStackError TOPLEVEL_BINDING Thread ThreadError \
    ThreadGroup Time TracePoint TrueClass TypeError UnboundMethod UncaughtThrowError \
    UnicodeNormalize Warning ZeroDivisionError";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whole() {
        assert!(is_method("String", "unpack"));
        assert!(!is_method("String", "unpac"));
        assert!(is_method("Hash", "each_slice"));
        assert!(is_env_method("to_hash") && is_file_method("read"));
        assert!(is_function("system") && !is_function("ssystem"));
        assert!(is_constant("Time") && !is_constant("Tim"));
        assert!(is_method("KeyError", "backtrace"));
    }
}
