//! What exists in Ruby, and what of it is evaluated here. It tells a mistake in a template (an error in
//! any Ruby) from something that cart-erb does not evaluate but a real `erb` would.
//!
//! Read off Ruby 3.1: `instance_methods` of each class without those of `Object`, the private
//! methods and constants of `Object`. A name with a colon is evaluated: behind the colon stands how many
//! arguments it takes (`1`, `0-1`, `1+`), and `&` if it waits for its block in an enumerator when it is
//! called without one. A name without a colon is refused.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a method takes that is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Takes {
    /// The least number of arguments.
    pub(crate) least: usize,
    /// The greatest.
    pub(crate) most: usize,
    /// It waits in an enumerator when it is called without a block.
    pub(crate) waits: bool,
}

/// The classes, each with the names of its own methods, and of those it has with others. What comes
/// later hides what comes before.
const METHODS: [(&str, &[&str]); 19] = [
    ("Array", &[OBJECT, ENUMERABLE, ARRAY]),
    ("Class", &[OBJECT, CLASS]),
    ("ENV", &[OBJECT, ENUMERABLE, ENV]),
    ("Enumerator", &[OBJECT, ENUMERABLE, ENUMERATOR]),
    ("Exception", &[OBJECT, EXCEPTION]),
    ("FalseClass", &[OBJECT, BOOL]),
    ("File", &[OBJECT, CLASS, FILE]),
    ("Float", &[OBJECT, FLOAT]),
    ("Hash", &[OBJECT, ENUMERABLE, HASH]),
    ("Integer", &[OBJECT, INTEGER]),
    ("Kernel", &[FUNCTIONS]),
    ("MatchData", &[OBJECT, MATCH]),
    ("NilClass", &[OBJECT, NIL]),
    ("Object", &[OBJECT]),
    ("Range", &[OBJECT, ENUMERABLE, RANGE]),
    ("Regexp", &[OBJECT, REGEXP]),
    ("String", &[OBJECT, STRING]),
    ("Symbol", &[OBJECT, SYMBOL]),
    ("TrueClass", &[OBJECT, BOOL]),
];

static TAKES: LazyLock<HashMap<(&str, &str), Option<Takes>>> =
    LazyLock::new(|| all().map(|(class, name, takes)| ((class, name), takes)).collect());

fn all() -> impl Iterator<Item = (&'static str, &'static str, Option<Takes>)> {
    METHODS.into_iter().flat_map(|(class, names)| {
        let words = names.iter().flat_map(|names| names.split_ascii_whitespace());
        words.map(move |word| match word.split_once(':') {
            Some((name, takes)) => (class, name, Some(Takes::read(takes))),
            None => (class, word, None),
        })
    })
}

impl Takes {
    fn read(text: &str) -> Takes {
        let count = text.trim_end_matches('&');
        let number = |digits: &str| digits.parse().unwrap_or(usize::MAX);
        let (least, most) = match (count.split_once('-'), count.strip_suffix('+')) {
            (Some((least, most)), _) => (number(least), number(most)),
            (None, Some(least)) => (number(least), usize::MAX),
            (None, None) => (number(count), number(count)),
        };
        Takes { least, most, waits: text.ends_with('&') }
    }
}

/// What Ruby's method of this name takes for values of this class; `Some(None)` if it has one that is
/// not evaluated here.
pub(crate) fn method(class: &str, name: &str) -> Option<Option<Takes>> {
    TAKES.get(&(kin(class), name)).copied()
}

/// The class in [`METHODS`] that has the methods of this one.
fn kin(class: &str) -> &str {
    match class {
        "Module" => "Class",
        "StopIteration" => "Exception",
        class if class.ends_with("Error") || class.starts_with("Errno::") => "Exception",
        class => class,
    }
}

/// True if Ruby has this method for values of this class.
pub(crate) fn is_method(class: &str, name: &str) -> bool {
    method(class, name).is_some()
}

/// True if Ruby has this function (a private method of every object), such as `puts`.
pub(crate) fn is_function(name: &str) -> bool {
    is_method("Kernel", name)
}

/// A class or module that templates may name.
pub(crate) fn class(name: &str) -> Option<&'static str> {
    CLASSES.split_ascii_whitespace().find(|known| *known == name)
}

/// True if Ruby has this constant, and it is refused.
pub(crate) fn is_constant(name: &str) -> bool {
    CONSTANTS.split_ascii_whitespace().any(|known| known == name)
}

/// Methods of every object.
const OBJECT: &str = "\
    !:0 !=:1 !~:1 <=>:1 ==:1 ===:1 =~:1 __id__ __send__:1+ class:0 clone:0 define_singleton_method \
    display dup:0 enum_for eql?:1 equal?:1 extend freeze:0 frozen?:0 hash inspect:0 instance_eval \
    instance_exec instance_of?:1 instance_variable_defined? instance_variable_get \
    instance_variable_set instance_variables is_a?:1 itself:0 kind_of?:1 method methods nil?:0 \
    object_id private_methods protected_methods public_method public_methods public_send:1+ \
    remove_instance_variable respond_to?:1-2 send:1+ singleton_class singleton_method \
    singleton_methods taint tainted? tap:0 then:0 to_enum to_s:0 trust untaint untrust untrusted? \
    yield_self:0";

/// Private methods of every object.
const FUNCTIONS: &str = "\
    Array:1 Complex Float:1-2 Hash Integer:1-2 Rational String:1 __callee__ __dir__ __method__ ` \
    abort at_exit autoload autoload? binding block_given?:0 caller caller_locations catch eval exec \
    exit exit! fail:0-2 fork format:1+ gem gem_original_require gets global_variables initialize \
    initialize_clone initialize_copy initialize_dup iterator? lambda load local_variables loop:0 \
    method_missing open p:0+ pp print:0+ printf:0+ proc putc puts:0+ raise:0-2 rand readline \
    readlines require require_relative respond_to_missing? select set_trace_func \
    singleton_method_added singleton_method_removed singleton_method_undefined sleep spawn \
    sprintf:1+ srand syscall system test throw trace_var trap untrace_var warn";

/// Methods of everything that has `each`.
const ENUMERABLE: &str = "\
    all?:0-1 any?:0-1 chain chunk chunk_while collect:0& collect_concat:0& compact:0 count:0-1 cycle \
    detect:0& drop:1 drop_while:0 each:0& each_cons:1& each_entry:0& each_slice:1& \
    each_with_index:0& each_with_object:1& entries:0 filter:0& filter_map:0& find:0& find_all:0& \
    find_index:0-1 first:0-1 flat_map:0& grep:1 grep_v:1 group_by:0& include?:1 inject:0-2 lazy \
    map:0& max:0-1 max_by:0-1& member?:1 min:0-1 min_by:0-1& minmax:0 minmax_by none?:0-1 one?:0-1 \
    partition:0& reduce:0-2 reject:0& reverse_each:0& select:0& size slice_after slice_before \
    slice_when sort:0 sort_by:0& sum:0-1 take:1 take_while:0 tally:0 to_a:0 to_h:0 uniq:0 zip:0+";

/// Methods of `String`.
const STRING: &str = "\
    %:1 *:1 +:1 +@:0 -@:0 <:1 <<:1 <=:1 >:1 >=:1 []:1-2 []=:2-3 ascii_only?:0 b between?:2 bytes:0 \
    bytesize:0 byteslice:1-2 capitalize:0+ capitalize!:0+ casecmp:1 casecmp?:1 center:1-2 chars:0 \
    chomp:0-1 chomp!:0-1 chop:0 chop!:0 chr:0 clamp:1-2 clear:0 codepoints concat:0+ count:1+ crypt \
    delete:1+ delete!:1+ delete_prefix:1 delete_prefix!:1 delete_suffix:1 delete_suffix!:1 \
    downcase:0+ downcase!:0+ dump each_byte:0& each_char:0& each_codepoint each_grapheme_cluster \
    each_line:0-2& empty?:0 encode encode! encoding end_with?:0+ force_encoding getbyte \
    grapheme_clusters gsub:1-2 gsub!:1-2 hex:0 include?:1 index:1-2 insert:2 intern:0 length:0 \
    lines:0-2 ljust:1-2 lstrip:0 lstrip!:0 match:1 match?:1 next:0 next!:0 oct:0 ord:0 partition:1 \
    prepend:0+ replace:1 reverse:0 reverse!:0 rindex:1-2 rjust:1-2 rpartition:1 rstrip:0 rstrip!:0 \
    scan:1 scrub:0-1 scrub!:0-1 setbyte size:0 slice:1-2 slice!:1-2 split:0-2 squeeze:0+ \
    squeeze!:0+ start_with?:0+ strip:0 strip!:0 sub:1-2 sub!:1-2 succ:0 succ!:0 sum swapcase:0+ \
    swapcase!:0+ to_c to_f:0 to_i:0-1 to_r to_str:0 to_sym:0 tr:2 tr!:2 tr_s:2 tr_s!:2 undump \
    unicode_normalize unicode_normalize! unicode_normalized? unpack unpack1 upcase:0+ upcase!:0+ \
    upto:1-2& valid_encoding?:0";

/// Methods of `Symbol`.
const SYMBOL: &str = "\
    <:1 <=:1 >:1 >=:1 []:1-2 between?:2 capitalize:0+ casecmp casecmp? clamp:1-2 downcase:0+ \
    empty?:0 encoding end_with?:0+ id2name:0 intern length:0 match match? name:0 next:0 size:0 \
    slice:1-2 start_with?:0+ succ:0 swapcase:0+ to_proc to_sym:0 upcase:0+";

/// Methods of `Integer`.
const INTEGER: &str = "\
    %:1 &:1 *:1 **:1 +:1 +@:0 -:1 -@:0 /:1 <:1 <<:1 <=:1 >:1 >=:1 >>:1 [] ^:1 abs:0 abs2 allbits? \
    angle anybits? arg between?:2 bit_length ceil:0-1 chr:0 clamp:1-2 coerce conj conjugate \
    denominator digits div:1 divmod:1 downto:1& even?:0 fdiv:1 finite?:0 floor:0-1 gcd gcdlcm i \
    imag imaginary infinite?:0 integer?:0 lcm magnitude:0 modulo:1 negative?:0 next:0 nobits? \
    nonzero?:0 numerator odd?:0 ord:0 phase polar positive?:0 pow:1-2 pred:0 quo rationalize real \
    real? rect rectangular remainder:1 round:0-1 singleton_method_added size step:0-2& succ:0 \
    times:0& to_c to_f:0 to_i:0 to_int:0 to_r truncate:0-1 upto:1& zero?:0 |:1 ~:0 to_s:0-1 \
    inspect:0-1";

/// Methods of `Float`.
const FLOAT: &str = "\
    %:1 *:1 **:1 +:1 +@:0 -:1 -@:0 /:1 <:1 <=:1 >:1 >=:1 abs:0 abs2 angle arg between?:2 ceil:0-1 \
    clamp:1-2 coerce conj conjugate denominator div:1 divmod:1 fdiv:1 finite?:0 floor:0-1 i imag \
    imaginary infinite?:0 integer?:0 magnitude:0 modulo:1 nan?:0 negative?:0 next_float nonzero? \
    numerator phase polar positive?:0 prev_float quo:1 rationalize real real? rect rectangular \
    remainder round:0-1 singleton_method_added step to_c to_f:0 to_i:0 to_int:0 to_r truncate:0-1 \
    zero?:0";

/// Methods of `true` and `false`.
const BOOL: &str = "&:1 ^:1 |:1";

/// Methods of `nil`.
const NIL: &str = "\
    &:1 ^ rationalize to_a:0 to_c to_f:0 to_h:0 to_i:0 to_r |:1";

/// Methods of `Array`, beside those of `ENUMERABLE`.
const ARRAY: &str = "\
    &:1 *:1 +:1 -:1 <<:1 []:1-2 []=:2-3 append:0+ assoc:1 at bsearch bsearch_index clear:0 \
    collect!:0 combination compact!:0 concat:0+ deconstruct delete:1 delete_at:1 delete_if:0 \
    difference:0+ dig:1+ each_index:0& empty?:0 fetch:1-2 fill filter!:0 flatten:0-1 flatten!:0-1 \
    index:0-1 insert:1+ intersect? intersection join:0-1 keep_if:0 last:0-1 length:0 map!:0 pack \
    permutation pop:0-1 prepend:0+ product push:0+ rassoc reject!:0 repeated_combination \
    repeated_permutation replace:1 reverse:0 reverse!:0 rindex:0-1 rotate:0-1 rotate!:0-1 sample \
    select!:0 shift:0-1 shuffle shuffle! slice:1-2 slice! sort!:0 sort_by!:0 to_ary:0 transpose \
    union:0+ uniq!:0 unshift:0+ values_at:0+ |:1 size:0";

/// Methods of `Hash`, beside those of `ENUMERABLE`.
const HASH: &str = "\
    < <= > >= []:1 []=:2 assoc clear:0 compact! compare_by_identity compare_by_identity? \
    deconstruct_keys default:0-1 default=:1 default_proc default_proc= delete:1 delete_if:0 dig:1+ \
    each_key:0& each_pair:0& each_value:0& empty?:0 except:0+ fetch:1-2 fetch_values filter!:0 \
    flatten has_key?:1 has_value?:1 invert:0 keep_if:0 key:1 key?:1 keys:0 length:0 merge:0+ \
    merge!:0+ rassoc rehash reject!:0 replace:1 select!:0 shift:0 slice:0+ store:2 to_hash:0 \
    to_proc transform_keys:0 transform_keys! transform_values:0 transform_values! update:0+ \
    value?:1 values:0 values_at:0+ compact:0 size:0";

/// Methods of `Range`, beside those of `ENUMERABLE`.
const RANGE: &str = "\
    %:1 begin:0 bsearch cover?:1 end:0 exclude_end?:0 last:0-1 step:0-1& size:0";

/// Methods of `Enumerator`, beside those of `ENUMERABLE`.
const ENUMERATOR: &str = "\
    + feed next next_values peek peek_values rewind with_index:0-1& with_object:1& size:0 frozen? \
    inspect to_s";

/// Methods of `Regexp`.
const REGEXP: &str = "\
    casefold? encoding fixed_encoding? match:1 match?:1 named_captures names:0 options source:0 ~";

/// Methods of `MatchData`.
const MATCH: &str = "\
    []:1 begin:1 captures:0 end:1 length:0 match match_length named_captures:0 names:0 offset \
    post_match:0 pre_match:0 regexp:0 size:0 string:0 to_a:0 values_at inspect";

/// Methods of `Exception`.
const EXCEPTION: &str = "\
    backtrace backtrace_locations cause exception full_message message:0 set_backtrace frozen?";

/// Methods of `ENV`, beside those of `ENUMERABLE`.
const ENV: &str = "\
    []:1 []=:2 assoc clear delete:1 delete_if each_key:0& each_pair:0& each_value:0& empty?:0 \
    except:0+ fetch:1-2 filter! has_key?:1 has_value?:1 invert:0 keep_if key:1 key?:1 keys:0 \
    length:0 merge! rassoc rehash reject! replace select! shift slice:0+ store:2 to_hash:0 update \
    value?:1 values:0 values_at:0+ size:0";

/// Methods of classes.
const CLASS: &str = "\
    < <= > >= alias_method allocate ancestors attr attr_accessor attr_reader attr_writer autoload \
    autoload? class_eval class_exec class_variable_defined? class_variable_get class_variable_set \
    class_variables const_defined? const_get const_missing const_set const_source_location \
    constants define_method deprecate_constant include include? included_modules instance_method \
    instance_methods method_defined? module_eval module_exec name:0 new prepend \
    private_class_method private_constant private_instance_methods private_method_defined? \
    protected_instance_methods protected_method_defined? public_class_method public_constant \
    public_instance_method public_instance_methods public_method_defined? remove_class_variable \
    remove_method singleton_class? subclasses superclass undef_method";

/// Methods of `File`, beside those of `CLASS`.
const FILE: &str = "\
    absolute_path absolute_path? atime basename:1-2 binread binwrite birthtime blockdev? chardev? \
    chmod chown copy_stream ctime delete directory?:1 dirname:1 empty? executable? executable_real? \
    exist?:1 exists?:1 expand_path extname:1 file?:1 fnmatch fnmatch? for_fd foreach ftype \
    grpowned? identical? join:0+ lchmod lchown link lstat lutime mkfifo mtime open owned? path pipe \
    pipe? popen read readable? readable_real? readlines readlink realdirpath realpath rename select \
    setgid? setuid? size size? socket? split:1 stat sticky? symlink symlink?:1 sysopen truncate \
    try_convert umask unlink utime world_readable? world_writable? writable? writable_real? write \
    zero? name";

/// The classes and modules that templates may name.
const CLASSES: &str = "\
    ArgumentError Array BasicObject Class Comparable Dir EncodingError Enumerable Enumerator \
    Exception FalseClass File FileTest Float FloatDomainError FrozenError Hash IOError IndexError \
    Integer Kernel KeyError LocalJumpError MatchData Math Module NameError NilClass NoMethodError \
    Numeric Object Range RangeError Regexp RegexpError RuntimeError StandardError StopIteration \
    String Symbol SystemCallError TrueClass TypeError ZeroDivisionError";

/// Constants that are refused.
const CONSTANTS: &str = "\
    ARGF ARGV Bignum Binding CGI CROSS_COMPILING ClosedQueueError Complex ConditionVariable \
    DidYouMean ENV EOFError ERB Encoding Errno ErrorHighlight Fiber FiberError Fixnum GC Gem IO \
    Interrupt LoadError Marshal Method Monitor MonitorMixin Mutex NoMatchingPatternError \
    NoMatchingPatternKeyError NoMemoryError NotImplementedError ObjectSpace Proc Process Queue \
    RUBYGEMS_ACTIVATION_MONITOR RUBY_COPYRIGHT RUBY_DESCRIPTION RUBY_ENGINE RUBY_ENGINE_VERSION \
    RUBY_PATCHLEVEL RUBY_PLATFORM RUBY_RELEASE_DATE RUBY_REVISION RUBY_VERSION Ractor Random \
    Rational RbConfig Refinement RubyVM STDERR STDIN STDOUT ScanError ScriptError SecurityError \
    Signal SignalException SizedQueue StringScanner Struct SyntaxError SystemExit SystemStackError \
    TOPLEVEL_BINDING Thread ThreadError ThreadGroup Time TracePoint UnboundMethod \
    UncaughtThrowError UnicodeNormalize Warning";

#[cfg(test)]
pub(crate) mod tests;
